import { type DiagnosticCode, DIAGNOSTICS } from './codes.ts';
import type { SourceText, Span } from './source-text.ts';

/** A coded remark of the compiler with its place. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly source: SourceText;
  readonly span: Span;
  /** What to do about it, where there is something better to say than the message. */
  readonly hint?: string;
  /** Other places that belong to it, such as the first of two declarations. */
  readonly related?: readonly {
    readonly source: SourceText;
    readonly span: Span;
    readonly message: string;
  }[];
}

export interface ReportExtras {
  readonly hint?: string | undefined;
  readonly related?: Diagnostic['related'];
}

/** Where a pass puts what it has to say of one file. */
export type Report = (code: DiagnosticCode, span: Span, message: string, extras?: ReportExtras) => void;

/** Collects the diagnostics of one compilation, bounded, each place and code once. */
export class Diagnostics {
  readonly all: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  readonly #most: number;
  #dropped = 0;

  constructor(most = 1_000) {
    this.#most = most;
  }

  /** Those that were not kept because there were too many. */
  get droppedCount(): number {
    return this.#dropped;
  }

  get hasErrors(): boolean {
    return this.all.some(({ severity }) => severity === 'error');
  }

  reportFor(source: SourceText): Report {
    return (code, span, message, extras = {}) => {
      const key = `${code} ${span.start} ${source.name}`;
      if (this.#seen.has(key)) return;
      if (this.all.length >= this.#most) {
        this.#dropped += 1;
        return;
      }
      this.#seen.add(key);
      const { hint, related } = extras;
      this.all.push({
        code,
        severity: DIAGNOSTICS[code].severity,
        message,
        source,
        span,
        ...(hint === undefined ? {} : { hint }),
        ...(related === undefined ? {} : { related }),
      });
    };
  }

  /** In the order of the files as they were given, and of the text within each. */
  sorted(): readonly Diagnostic[] {
    const order = new Map<SourceText, number>();
    for (const { source } of this.all) if (!order.has(source)) order.set(source, order.size);
    return [...this.all].sort(
      (left, right) =>
        (order.get(left.source) ?? 0) - (order.get(right.source) ?? 0) ||
        left.span.start - right.span.start ||
        (left.code < right.code ? -1 : 1),
    );
  }
}
