// Enough of a TextMate engine to try a grammar on text: match, begin and end, include, captures. Its patterns have to be
// such that JavaScript and Oniguruma agree on them.

interface Capture {
  readonly name: string;
}
export interface Rule {
  readonly name?: string;
  readonly match?: string;
  readonly begin?: string;
  readonly end?: string;
  readonly include?: string;
  readonly captures?: Readonly<Record<string, Capture>>;
  readonly beginCaptures?: Readonly<Record<string, Capture>>;
  readonly endCaptures?: Readonly<Record<string, Capture>>;
  readonly patterns?: readonly Rule[];
}
export interface Grammar {
  readonly patterns: readonly Rule[];
  readonly repository: Readonly<Record<string, Rule>>;
}

/** A piece of a line and its scopes, outermost first. */
export type Piece = readonly [text: string, scopes: string];

/** The pieces of the text that have a scope; those that stand beside each other with the same scopes are one. */
export function tokenize(grammar: Grammar, text: string): readonly Piece[] {
  const pieces: [string, string][] = [];
  const stack: Rule[] = [{ patterns: grammar.patterns }];
  for (const line of text.split('\n')) {
    const before = pieces.length;
    tokenizeLine(grammar, line, stack, (piece, scopes) => {
      const last = pieces.at(-1);
      if (last?.[1] === scopes && pieces.length > before) last[0] += piece;
      else pieces.push([piece, scopes]);
    });
  }
  return pieces.filter(([piece, scopes]) => scopes !== '' && piece.trim() !== '');
}

type Add = (piece: string, scopes: string) => void;

function tokenizeLine(grammar: Grammar, line: string, stack: Rule[], add: Add): void {
  const scopesOf = (...more: readonly (string | undefined)[]): string =>
    [...stack.map(({ name }) => name), ...more]
      .filter((name) => name !== undefined)
      .map((name) => name.replace(/\.scaicore$/, ''))
      .join(' ');
  for (let at = 0, steps = 0; at <= line.length; steps += 1) {
    if (steps > 10 * line.length + 100) throw new Error(`the grammar does not get on in: ${line}`);
    const top = stack.at(-1);
    const found = firstMatch(grammar, top, line, at);
    if (!found) {
      add(line.slice(at), scopesOf());
      return;
    }
    const { rule, match, isEnd } = found;
    add(line.slice(at, match.index), scopesOf());
    const captures = isEnd ? rule.endCaptures : (rule.beginCaptures ?? rule.captures);
    const own = isEnd ? undefined : rule.name;
    addMatch(match, captures, (piece, name) => add(piece, scopesOf(own, name)));
    at = match.index + match[0].length;
    if (isEnd) stack.pop();
    else if (rule.begin !== undefined) stack.push(rule);
    else if (match[0] === '') at += 1;
    if (at >= line.length && !endsHere(stack.at(-1), line)) return;
  }
}

/** A rule whose end is the end of the line is still to be closed. */
function endsHere(top: Rule | undefined, line: string): boolean {
  return top?.end !== undefined && matchAt(top.end, line, line.length) !== undefined;
}

function addMatch(
  match: RegExpExecArray,
  captures: Readonly<Record<string, Capture>> = {},
  add: (piece: string, name: string | undefined) => void,
): void {
  const whole = match[0];
  let from = 0;
  for (const [index, { name }] of Object.entries(captures)) {
    const text = match[Number(index)];
    if (text === undefined) continue;
    const start = whole.indexOf(text, from);
    add(whole.slice(from, start), undefined);
    add(text, name);
    from = start + text.length;
  }
  add(whole.slice(from), undefined);
}

interface Found {
  readonly rule: Rule;
  readonly match: RegExpExecArray;
  readonly isEnd: boolean;
}

/** The leftmost match; of several at one place the end of the open rule, then the first rule. */
function firstMatch(grammar: Grammar, top: Rule | undefined, line: string, at: number): Found | undefined {
  let best: Found | undefined;
  const consider = (rule: Rule, pattern: string | undefined, isEnd: boolean): void => {
    const match = pattern === undefined ? undefined : matchAt(pattern, line, at);
    if (match && (!best || match.index < best.match.index)) best = { rule, match, isEnd };
  };
  if (top?.end !== undefined) consider(top, top.end, true);
  for (const rule of flat(grammar, top?.patterns ?? [])) consider(rule, rule.match ?? rule.begin, false);
  return best;
}

function flat(grammar: Grammar, rules: readonly Rule[]): readonly Rule[] {
  return rules.flatMap((rule) => {
    if (rule.include !== undefined) {
      const target = grammar.repository[rule.include.slice(1)];
      if (!target) throw new Error(`nothing is called ${rule.include}`);
      return flat(grammar, [target]);
    }
    const isGroup = rule.match === undefined && rule.begin === undefined;
    return isGroup ? flat(grammar, rule.patterns ?? []) : [rule];
  });
}

const compiled = new Map<string, RegExp>();

function matchAt(pattern: string, line: string, at: number): RegExpExecArray | undefined {
  const regExp = compiled.get(pattern) ?? new RegExp(pattern, 'g');
  compiled.set(pattern, regExp);
  regExp.lastIndex = at;
  return regExp.exec(line) ?? undefined;
}
