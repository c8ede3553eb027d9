/**
 * Parquet to CSV by DuckDB, which reads every encoding and compression that Parquet has.
 *
 * DuckDB hands rows to JavaScript one object at a time, but writes files on all cores; so it writes
 * the few columns that the profile reads as CSV text, and csv-scanner.ts reads that. The database is
 * locked down first: the input file, one temporary folder, no network, no extensions.
 */

import { join } from 'node:path';
import { SltdError } from '../../src/errors.ts';
import { type Profile, requiredColumns } from './profile.ts';

/** Writes the profile's columns of a Parquet file to a CSV file in `tempDir`; its path. */
export async function parquetToCsv(options: {
  path: string;
  profile: Profile;
  tempDir: string;
}): Promise<string> {
  const { path, profile, tempDir } = options;
  const output = join(tempDir, 'parquet.csv');
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
    const source = `read_parquet(${quoted(path)})`;
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
    const present = described.getRows().map(([name]) => String(name));
    const wanted = columnNames(profile);
    const columns = present.filter((name) => wanted.has(name.toLowerCase()));
    const lower = new Set(columns.map((name) => name.toLowerCase()));
    for (const names of requiredColumns(profile)) {
      if (!names.some((name) => lower.has(name.toLowerCase()))) {
        throw new SltdError('input-schema', { detail: `no column ${names.join(' or ')}` });
      }
    }
    const list = columns.map((name) => {
      const identifier = `"${name.replaceAll('"', '""')}"`;
      return `CAST(${identifier} AS VARCHAR) AS ${identifier}`;
    });
    await connection.run(
      `COPY (SELECT ${list.join(', ')} FROM ${source}) TO ${quoted(output)} (FORMAT csv, HEADER, NULLSTR '')`,
    );
    return output;
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    // Only the cause carries DuckDB's own words: they may quote a value.
    throw new SltdError('input-unreadable', { detail: 'Parquet data is broken' });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Every column name that the profile reads, in lower case. */
function columnNames(profile: Profile): ReadonlySet<string> {
  const names = [...profile.number.map(({ column }) => column), ...Object.values(profile.columns)];
  return new Set(names.flat().map((name) => name.toLowerCase()));
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
