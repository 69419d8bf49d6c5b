import path from 'node:path';

/** A path as the user would write it: from the present folder, where it is inside of it. */
export function shownPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}
