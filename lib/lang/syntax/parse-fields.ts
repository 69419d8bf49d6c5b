// Blocks of fields, and the rules for them: E110 to E113.
import type { Span } from '../source/source-text.ts';
import { nearestName } from '../source/nearest.ts';
import type { FieldNode, Name } from './ast.ts';
import type { FieldRules } from './block-fields.ts';
import { StatementParser } from './parse-statement.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const T = KINDS;

export abstract class FieldParser extends StatementParser {
  protected fieldBlock(of: string): FieldNode[] {
    if (!this.openBody(of)) return [];
    const fields = this.list(T.RBrace, `in ${of}`, () => this.field(`a field of ${of}`));
    this.checkTwice(fields);
    return fields;
  }

  protected field(what: string): FieldNode | undefined {
    const name = this.fieldName(what);
    return name && this.fieldValue(name);
  }

  protected checkTwice(fields: readonly { readonly name: Name }[]): void {
    if (fields.length < 2) return;
    if (fields.length > 12) {
      const seen = new Set<string>();
      for (const { name } of fields) {
        if (seen.has(name.text)) this.#reportTwice(name);
        seen.add(name.text);
      }
      return;
    }
    for (let index = 1; index < fields.length; index += 1) {
      const name = fields[index]?.name;
      for (let before = 0; name && before < index; before += 1) {
        if (fields[before]?.name.text !== name.text) continue;
        this.#reportTwice(name);
        break;
      }
    }
  }

  #reportTwice(name: Name): void {
    this.report('E112', name.span, `'${name.text}' is given twice`);
  }

  /** E110 and E111. `at`: what is named when a field is missing. */
  protected checkFields(rules: FieldRules, names: readonly Name[], at: Span): void {
    const { of, required, optional } = rules;
    for (const name of names) {
      if (required.includes(name.text) || optional.includes(name.text)) continue;
      const known = [...required, ...optional];
      const nearest = nearestName(name.text, known);
      const hint =
        nearest === undefined ? `its fields are ${known.join(', ')}` : `did you mean '${nearest}'?`;
      this.report('E111', name.span, `${of} has no field '${name.text}'`, { hint });
    }
    if (this.isPanicking) return;
    for (const field of required) {
      if (names.some(({ text }) => text === field)) continue;
      this.report('E110', at, `${of} needs a field '${field}'`);
    }
  }

  /** E113: not one of the words that may stand here. */
  protected checkOneOf(name: Name, allowed: readonly string[], what: string): void {
    if (allowed.includes(name.text)) return;
    const nearest = nearestName(name.text, allowed);
    const hint = nearest === undefined ? `there are ${allowed.join(', ')}` : `did you mean '${nearest}'?`;
    this.report('E113', name.span, `there is no ${what} '${name.text}'`, { hint });
  }

  /** Fields of these names that stand first in a body. */
  protected leadingFields(names: readonly string[], of: string): FieldNode[] {
    const fields: FieldNode[] = [];
    while (!this.isPanicking && this.#isLeadingField(names)) {
      const field = this.field(`a field of ${of}`);
      if (field) fields.push(field);
      this.eat(T.Comma);
    }
    return fields;
  }

  #isLeadingField(names: readonly string[]): boolean {
    const next = this.kindAt(this.pos + 1);
    return (
      this.kind === T.Ident && (next === T.Eq || next === T.Colon) && names.includes(this.textAt(this.pos))
    );
  }

  /** `(max_concurrent = 2)` behind the head of a block. */
  protected headOptions(of: string): FieldNode[] {
    if (this.isPanicking || !this.eat(T.LParen)) return [];
    return this.list(T.RParen, `after an option of ${of}`, () => this.field(`an option of ${of}`));
  }
}
