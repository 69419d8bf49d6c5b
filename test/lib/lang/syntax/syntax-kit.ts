// Parses texts for tests, and writes what was said of them as `code line:column`.
import assert from 'node:assert/strict';
import {
  Diagnostics,
  type Expr,
  type FileNode,
  type ItemNode,
  parseFile,
  printFile,
  SourceText,
  type Stmt,
} from '../../../../lib/lang/index.ts';
import { bareTree } from '../tree-text.ts';

export interface ParsedText {
  readonly file: FileNode;
  /** `E101 2:5`, in the order of the text. */
  readonly places: readonly string[];
  /** With messages, and hints behind `//`. */
  readonly messages: readonly string[];
}

export function parseText(text: string): ParsedText {
  const source = new SourceText('test.scaicore', text);
  const diagnostics = new Diagnostics();
  const { file } = parseFile(source, diagnostics.reportFor(source));
  const sorted = diagnostics.sorted();
  const places = sorted.map(({ code, span }) => {
    const { line, column } = source.positionAt(span.start);
    return `${code} ${line}:${column}`;
  });
  const messages = sorted.map(({ message, hint }) =>
    hint === undefined ? message : `${message} // ${hint}`,
  );
  return { file, places, messages };
}

/** What is said of a text: codes and places. */
export const placesOf = (text: string): readonly string[] => parseText(text).places;

/** The declarations of a text without mistakes. */
export function itemsOf(text: string): readonly ItemNode[] {
  const { file, places, messages } = parseText(text);
  assert.deepEqual(places, [], messages.join('\n'));
  return file.items;
}

export function itemOf(text: string): ItemNode {
  const [item] = itemsOf(text);
  assert.ok(item);
  return item;
}

/** A text as the body of a flow; its first line is line 2. */
export const inFlow = (text: string): string => `@flow f(a: int): int {\n${text}\n}\n`;
/** A text as members of a core; its first line is line 2. */
export const inCore = (text: string): string => `@core C {\n${text}\n}\n`;

export function statementsOf(text: string): readonly Stmt[] {
  const item = itemOf(inFlow(text));
  assert.ok(item.kind === 'flow');
  return item.body;
}

export function statementOf(text: string): Stmt {
  const [statement] = statementsOf(text);
  assert.ok(statement);
  return statement;
}

export function exprOf(text: string): Expr {
  const statement = statementOf(`x = ${text}`);
  assert.ok(statement.kind === 'assign');
  return statement.value;
}

/** An expression with parentheses around everything that has parts, to see how it was understood. */
export function groupedText(expr: Expr): string {
  switch (expr.kind) {
    case 'binary':
      return `(${groupedText(expr.left)} ${expr.op} ${groupedText(expr.right)})`;
    case 'unary':
      return `(${expr.op}${groupedText(expr.value)})`;
    case 'field':
      return `${groupedText(expr.object)}.${expr.name.text}`;
    case 'index':
      return `${groupedText(expr.object)}[${groupedText(expr.index)}]`;
    case 'call': {
      const args = expr.args.map(({ name, value }) => (name ? `${name.text}=` : '') + groupedText(value));
      return `${groupedText(expr.callee)}(${args.join(', ')})`;
    }
    case 'lambda':
      return `(${expr.params.map(({ text }) => text).join(', ')} => ${groupedText(expr.body)})`;
    case 'pipe': {
      const stages = expr.stages.map(groupedText).join(', ');
      const options = expr.options
        .map(({ name, value }) => `, ${name.text} = ${groupedText(value)}`)
        .join('');
      const condition = expr.condition ? `(${groupedText(expr.condition)}) ` : '';
      return `(${groupedText(expr.left)} ${expr.op} ${condition}${stages}${options})`;
    }
    case 'ref':
      return expr.name;
    case 'symbol':
      return `:${expr.name}`;
    case 'list':
      return `[${expr.items.map(groupedText).join(', ')}]`;
    case 'object':
      return `{${expr.fields.map(({ name, value }) => `${name.text}: ${groupedText(value)}`).join(', ')}}`;
    case 'conditional':
      return `(if ${groupedText(expr.condition)} ${groupedText(expr.then)} ${groupedText(expr.otherwise)})`;
    default:
      return 'value' in expr ? JSON.stringify(expr.value) : expr.kind;
  }
}

/** Prints a text without mistakes; checks that nothing is lost by it, and that printing again changes nothing. */
export function printedText(text: string): string {
  const before = parseText(text);
  assert.deepEqual(before.places, [], before.messages.join('\n'));
  const printed = printFile(before.file);
  const after = parseText(printed);
  assert.deepEqual(after.places, [], `${after.messages.join('\n')}\n${printed}`);
  assert.deepEqual(bareTree(after.file), bareTree(before.file));
  const comments = ({ file }: ParsedText): readonly string[] =>
    file.comments.map((comment) => comment.text).sort();
  assert.deepEqual(comments(after), comments(before));
  assert.equal(printFile(after.file), printed, 'printing twice');
  return printed;
}
