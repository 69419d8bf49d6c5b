// The parser's door, and what stands at the level of a file. Never throws, and ends, on every text.
import { sameFor } from '../source/nearest.ts';
import type { Report } from '../source/diagnostic.ts';
import type { SourceText } from '../source/source-text.ts';
import { unescaped } from './text-literal.ts';
import type { FileNode, ImportNode, ItemNode, Name } from './ast.ts';
import { AT as AT_WORDS, MEMBER_WORDS, placeOf } from './keywords.ts';
import { lex } from './lexer.ts';
import { CoreParser } from './parse-core-member.ts';
import type { Modifiers } from './parse-declaration.ts';
import { AT_FIRST, T as KINDS, type Tokens } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

/** Words that begin declarations in other languages. */
const DECLARATION_WORDS: ReadonlyMap<string, string> = new Map([
  ...sameFor(['flow', 'function', 'def', 'fn', 'func', 'async'], 'write @flow name(a: T): R { … }'),
  ...['transformer', 'evaluator', 'pipeline', 'core', 'test'].map((word): [string, string] => [
    word,
    `write @${word}`,
  ]),
  ...sameFor(['interface', 'class', 'struct', 'record'], 'write type Name = { field: T }'),
  ['enum', 'write type Name = enum[a, b]'],
  ['from', 'write import { A } from "./file"'],
]);

export interface ParseOptions {
  /** The id of the first expression, so that those of several files are unique. @default 0 */
  readonly firstId?: number;
}
export interface ParsedFile {
  readonly file: FileNode;
  /** Expressions of this file have ids below it. */
  readonly nextId: number;
}

export function parseFile(
  source: SourceText,
  report: Report,
  { firstId = 0 }: ParseOptions = {},
): ParsedFile {
  return new FileParser(lex(source, report), report, firstId).run();
}

class FileParser extends CoreParser {
  readonly #tokens: Tokens;

  constructor(tokens: Tokens, report: Report, firstId: number) {
    super(tokens, report, firstId);
    this.#tokens = tokens;
  }

  run(): ParsedFile {
    const imports: ImportNode[] = [];
    const items: ItemNode[] = [];
    while (this.kind !== T.Eof) {
      const before = this.pos;
      if (this.kind === T.Import) {
        const node = this.#import();
        if (node) imports.push(node);
        if (items.length > 0)
          this.remark('E114', this.spanAt(before), 'imports stand at the top of the file');
      } else {
        const item = this.item();
        if (item) items.push(item);
        else if (!this.isPanicking) this.#stray();
      }
      if (this.isPanicking) this.#recover(before);
      if (this.pos === before) this.advance();
    }
    const { source, comments } = this.#tokens;
    const span = { start: 0, end: source.text.length };
    return { file: { kind: 'file', source, span, imports, items, comments }, nextId: this.nextId };
  }

  protected item(): ItemNode | undefined {
    const { start } = this;
    const is_pub = this.eat(T.Pub);
    const is_async = this.eat(T.Async);
    if (is_async && this.kind !== AT.flow) {
      this.fail('E101', `expected '@flow' after 'async', found ${this.describe(this.pos)}`);
      return undefined;
    }
    if (is_pub && (this.kind === AT.test || this.kind === AT.types)) {
      const hint = this.kind === AT.types ? "write 'pub' before each type in it" : undefined;
      this.remark(
        'E100',
        { start, end: start + 3 },
        `unexpected 'pub' before ${this.describe(this.pos)}`,
        hint,
      );
    }
    const node = this.#declaration({ start, is_pub, is_async });
    if (!node && (is_pub || is_async) && !this.isPanicking) {
      this.fail('E107', `expected a declaration after 'pub', found ${this.describe(this.pos)}`);
    }
    return node;
  }

  #declaration(modifiers: Modifiers): ItemNode | undefined {
    switch (this.kind) {
      case AT.core:
        return this.core(modifiers);
      case AT.flow:
        return this.callable('flow', modifiers);
      case AT.transformer:
        return this.callable('transformer', modifiers);
      case AT.evaluator:
        return this.callable('evaluator', modifiers);
      case AT.pipeline:
        return this.pipeline(modifiers);
      case AT.types:
        return this.types(modifiers.start);
      case AT.test:
        return this.test(modifiers.start);
      case AT.plugin_interface:
        return this.pluginInterface(modifiers);
      case AT.core_interface:
        return this.coreInterface(modifiers);
      case T.Type:
        return this.typeDeclaration(modifiers);
      default:
        return undefined;
    }
  }

  /** Nothing that is declared begins here. */
  #stray(): void {
    const found = this.describe(this.pos);
    if (MEMBER_WORDS.has(this.kind)) {
      // Read for what is wrong inside of it; it belongs nowhere.
      this.remark(
        'E114',
        this.spanAt(this.pos),
        `${found} does not stand here`,
        `it stands ${placeOf(this.kind)}`,
      );
      this.member();
    } else if (this.kind >= AT_FIRST) {
      this.fail('E114', `${found} does not stand here`, `it stands ${placeOf(this.kind)}`);
    } else if (this.kind === T.RBrace) this.fail('E100', "unexpected '}': nothing is open");
    else {
      const hint = DECLARATION_WORDS.get(this.textAt(this.pos));
      this.fail('E107', `expected @core, @flow or another declaration, found ${found}`, hint);
    }
  }

  /** To the next declaration at the start of a line. */
  #recover(before: number): void {
    if (this.pos === before) this.advance();
    while (this.kind !== T.Eof && !this.#beginsDeclaration()) this.advance();
    this.isPanicking = false;
  }

  #beginsDeclaration(): boolean {
    if (!this.isLineStart) return false;
    if (this.beginsItem(this.pos) || this.kind === T.Import) return true;
    const isType = this.kind === T.Type || (this.kind === T.Pub && this.kindAt(this.pos + 1) === T.Type);
    return isType && this.kindAt(this.pos + (this.kind === T.Pub ? 2 : 1)) === T.TypeIdent;
  }

  // ---- Imports ----

  #import(): ImportNode | undefined {
    const { start } = this;
    this.advance();
    if (this.kind === T.LBrace) {
      this.advance();
      const specs = this.list(T.RBrace, 'in this import', () => this.#spec());
      if (this.isPanicking || !this.#word(T.From, 'from')) return undefined;
      const path = this.#path();
      return path && { kind: 'import', span: this.spanFrom(start), path, specs };
    }
    const path = this.#path();
    if (!path || !this.#word(T.As, 'as')) return undefined;
    const namespace = this.declaredName('a namespace');
    return namespace && { kind: 'import', span: this.spanFrom(start), path, specs: [], namespace };
  }

  #word(kind: number, word: string): boolean {
    if (this.eat(kind)) return true;
    const hint = 'write import { A } from "./file", or import "./file" as name';
    this.fail('E101', `expected '${word}', found ${this.describe(this.pos)}`, hint);
    return false;
  }

  #path(): Name | undefined {
    if (this.kind !== T.String) {
      const hint = 'write import { A } from "./file", or import "./file" as name';
      this.fail('E101', `expected the path of a file, found ${this.describe(this.pos)}`, hint);
      return undefined;
    }
    const span = this.spanAt(this.pos);
    this.advance();
    return { text: unescaped(this.text.slice(span.start + 1, span.end - 1)), span };
  }

  #spec(): ImportNode['specs'][number] | undefined {
    const name = this.#importedName();
    if (!name) return undefined;
    const { start } = name.span;
    if (!this.eat(T.As)) return { name, span: name.span };
    const alias = this.#importedName();
    return alias && { name, alias, span: this.spanFrom(start) };
  }

  #importedName(): Name | undefined {
    if (this.kind === T.Ident || this.kind === T.TypeIdent) return this.takeName();
    return this.reservedName('an import');
  }
}
