// Every node of a piece of IR: whatever has a `kind`, wherever it stands, so that a new kind of block, statement or
// expression is met without a change here. Not entered: literals, whose value is data and may look like anything.

export interface IRNode {
  readonly kind: string;
}

/** `root` may be a node, or lists and objects with nodes in them. Walked with a list of what is left: IR may be deep. */
export function eachNode(root: unknown, visit: (node: IRNode) => void): void {
  const open: unknown[] = [root];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const parts = at as Readonly<Record<string, unknown>>;
    if (typeof parts['kind'] === 'string') {
      if (parts['kind'] === 'literal') continue;
      visit(at as IRNode);
    }
    for (const name in parts) {
      const part = parts[name];
      if (typeof part === 'object' && part !== null) open.push(part);
    }
  }
}
