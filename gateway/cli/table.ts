import { fit, padEnd, padStart } from './terminal.ts';
import { widthOf } from './terminal.ts';

export interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
}

/** Lines of a table, two spaces between columns; where it is too wide, the last column is cut. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width = Infinity, title = (text: string): string => text }: TableOptions = {},
): string[] {
  const widths = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...rows.map((row) => widthOf(row[index] ?? ''))),
  );
  const line = (cells: readonly string[], paint: (text: string) => string): string => {
    const padded = columns.map(({ align }, index) => {
      const [cell = '', cells_ = 0] = [cells[index], widths[index]];
      const text = align === 'right' ? padStart(cell, cells_) : padEnd(cell, cells_);
      return paint(text);
    });
    return fit(padded.join('  ').trimEnd(), width);
  };
  const asIs = (text: string): string => text;
  return [
    line(
      columns.map((column) => column.title),
      title,
    ),
    ...rows.map((row) => line(row, asIs)),
  ];
}

export interface TableOptions {
  readonly width?: number;
  /** Paints the titles. */
  readonly title?: (text: string) => string;
}

/** `12,345`. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
