/**
 * Parquet to CSV by DuckDB, which reads every encoding and compression that Parquet has.
 *
 * DuckDB hands rows to JavaScript one object at a time, but writes files on all cores; so it writes
 * the few columns that the profile reads as CSV text, and csv-scanner.ts reads that. The database is
 * locked down first: the input file, one temporary folder, no network, no extensions.
 */

import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { SltdError } from '../../src/errors.ts';
import {
  checkNames,
  columnNames,
  foldName,
  numberColumnNames,
  type Profile,
  requiredColumns,
} from './profile.ts';
import { missingColumn } from './row-reader.ts';

/** Writes the profile's columns of a Parquet file to a CSV file in `tempDir`; its path. */
export async function parquetToCsv(options: {
  path: string;
  profile: Profile;
  tempDir: string;
}): Promise<string> {
  const { path, profile, tempDir } = options;
  const output = join(tempDir, 'parquet.csv');
  return withParquet(path, tempDir, async (connection) => {
    const source = `read_parquet(${quoted(path)})`;
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
    const present = described
      .getRows()
      .map(([name, type]) => [String(name), String(type)] as const);
    checkNames(profile, await readTopNames(connection, path));
    const wanted = columnNames(profile);
    const columns = present.filter(([name]) => wanted.has(foldName(name)));
    const found = new Set(columns.map(([name]) => foldName(name)));
    for (const names of requiredColumns(profile)) {
      if (!names.some((name) => found.has(foldName(name)))) missingColumn(names);
    }
    checkNumberTypes(profile, columns);
    const list = columns.map(([name]) => {
      const identifier = `"${name.replaceAll('"', '""')}"`;
      return `CAST(${identifier} AS VARCHAR) AS ${identifier}`;
    });
    await connection.run(
      `COPY (SELECT ${list.join(', ')} FROM ${source}) TO ${quoted(output)} (FORMAT csv, HEADER, NULLSTR '')`,
    );
    return output;
  });
}

/** Names of the columns of a Parquet file, in order; `tempDir` may hold temporary files. */
export function parquetColumns(options: { path: string; tempDir: string }): Promise<string[]> {
  const { path, tempDir } = options;
  return withParquet(path, tempDir, (connection) => readTopNames(connection, path));
}

async function withParquet<T>(
  path: string,
  tempDir: string,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    memory_limit: '1GB',
    temp_directory: tempDir,
  });
  const connection = await instance.connect();
  try {
    await connection.run(`SET allowed_paths = [${quoted(path)}]`);
    await connection.run(`SET allowed_directories = [${quoted(tempDir)}]`);
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    return await work(connection);
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    // Only the cause carries DuckDB's own words: they may quote a value.
    throw new SltdError('input-unreadable', { detail: 'Parquet data is broken' });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** From the schema, because the names of DESCRIBE are DuckDB's, which makes equal ones different. */
async function readTopNames(connection: DuckDBConnection, path: string): Promise<string[]> {
  const schema = await connection.runAndReadAll(
    `SELECT name, coalesce(num_children, 0) FROM parquet_schema(${quoted(path)})`,
  );
  return topNames(
    schema.getRows().map(([name, children]) => [String(name), Number(children)] as const),
  );
}

/** Names of the columns: the children of the schema's root, which stands first, each before its own. */
function topNames(elements: readonly (readonly [name: string, children: number])[]): string[] {
  const names: string[] = [];
  let position = 1;
  while (position < elements.length) {
    names.push(elements[position]![0]);
    // Passes over the column and all that is within it.
    for (let open = 1; open > 0 && position < elements.length; position++) {
      open += elements[position]![1] - 1;
    }
  }
  return names;
}

const FRACTIONAL = /^(FLOAT|DOUBLE|DECIMAL\(\d+,\s*[1-9]\d*\))/;

/** A number read as floating point is not what the document says: digits, zeros, a point too many. */
function checkNumberTypes(
  profile: Profile,
  columns: readonly (readonly [name: string, type: string])[],
): void {
  const numbers = numberColumnNames(profile);
  for (const [name, type] of columns) {
    if (!numbers.has(foldName(name)) || !FRACTIONAL.test(type)) continue;
    const detail = `a number is no floating-point number: column ${foldName(name)}`;
    throw new SltdError('input-schema', { detail });
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
