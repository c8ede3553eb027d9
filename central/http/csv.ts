/**
 * CSV for spreadsheets (RFC 4180): quoted where needed, lines end in CRLF.
 *
 * A text that a spreadsheet would take for a formula gets an apostrophe in front: names of posts come
 * from elsewhere.
 */

/** Rows as CSV, the first usually a header. */
export function csvText(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('');
}

function cellText(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
