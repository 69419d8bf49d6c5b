// The canonical form of a program: four spaces, one field a line, `=` for fields and `:` for types. It parses to the same
// tree, keeps all comments, and at most one blank line where there were some.
import type { FileNode, ImportNode, ItemNode } from './ast.ts';
import type { Member } from './print-core.ts';
import { DeclarationPrinter } from './print-declaration.ts';

/** The text of a file that was parsed without errors. */
export function printFile(file: FileNode): string {
  return new FilePrinter(file).run();
}

class FilePrinter extends DeclarationPrinter {
  readonly #file: FileNode;

  constructor(file: FileNode) {
    super(file);
    this.#file = file;
  }

  run(): string {
    const nodes: readonly (ImportNode | ItemNode)[] = [...this.#file.imports, ...this.#file.items];
    const members = nodes.map((node, index): Member => {
      const before = nodes[index - 1];
      return {
        ...node.span,
        needsBlankLine:
          before !== undefined && !(isLine(before) && isLine(node) && before.kind === node.kind),
        print: (indent) => (node.kind === 'import' ? this.importLine(node, indent) : this.item(node, indent)),
      };
    });
    const printed = this.lines(members, 0, this.text.length);
    return printed === '' ? '' : `${printed}\n`;
  }
}

/** These may stand line by line. */
const isLine = ({ kind }: ImportNode | ItemNode): boolean => kind === 'import' || kind === 'type_decl';
