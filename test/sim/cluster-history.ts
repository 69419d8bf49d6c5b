// What the callers of one run saw, and whether the grains' own histories agree with it.
//   Increments of a book have one order, which the book keeps. It must agree with real time: what was acknowledged before
//   something else began comes before it; checked reads show exactly what was there at some moment of the read.
import type { BookHistory } from './cluster-cores.ts';

export interface Operation {
  readonly id: string;
  readonly kind: 'event' | 'command' | 'checked' | 'read';
  readonly book: string;
  readonly invokedMs: number;
  /** When its caller was told; Infinity as long as it was not. */
  doneMs: number;
  /** The count that the caller was told. */
  value: number | undefined;
}

export class ClusterHistory {
  readonly violations: string[] = [];
  readonly #operations = new Map<string, Operation>();

  begin(id: string, kind: Operation['kind'], book: string, nowMs: number): void {
    if (this.#operations.has(id)) return; // another try of it
    this.#operations.set(id, { id, kind, book, invokedMs: nowMs, doneMs: Infinity, value: undefined });
  }

  end(id: string, nowMs: number, value: number | undefined): void {
    const operation = this.#operations.get(id);
    if (!operation || operation.doneMs !== Infinity) return;
    operation.doneMs = nowMs;
    operation.value = value;
  }

  /** `isWhole`: the store kept all that it acknowledged. */
  check(book: string, { count, log }: BookHistory, isWhole: boolean): void {
    const places = new Map(log.map((id, index) => [id, index + 1]));
    if (places.size !== log.length) {
      const twice = log.filter((id, index) => log.indexOf(id) !== index);
      this.#say(`${book}: ${twice.join()} took effect twice: ${log.join()}`);
    }
    if (count !== log.length) this.#say(`${book}: count is ${count}, its history has ${log.length}`);
    if (!isWhole) return;
    const operations = [...this.#operations.values()].filter((operation) => operation.book === book);
    const writes = operations.filter(({ kind }) => kind === 'event' || kind === 'command');
    const placed = writes.flatMap((write) => {
      const place = places.get(write.id);
      if (place !== undefined) return [{ ...write, place }];
      if (write.doneMs !== Infinity)
        this.#say(`${book}: ${write.id} was acknowledged, and is not there: ${log.join()}`);
      return [];
    });
    for (const write of placed) {
      if (write.value !== undefined && write.value !== write.place) {
        this.#say(`${book}: ${write.id} answered ${write.value}, and took effect as number ${write.place}`);
      }
      for (const later of placed) {
        if (write.doneMs < later.invokedMs && write.place > later.place) {
          this.#say(
            `${book}: ${later.id} took effect before ${write.id}, which was acknowledged before it began`,
          );
        }
      }
    }
    this.#checkReads(
      book,
      operations.filter(({ kind, value }) => kind === 'checked' && value !== undefined),
      placed,
    );
  }

  #checkReads(
    book: string,
    reads: readonly Operation[],
    writes: readonly (Operation & { readonly place: number })[],
  ): void {
    for (const read of reads) {
      const value = read.value ?? 0;
      for (const { id, invokedMs, doneMs, place } of writes) {
        if (doneMs < read.invokedMs && place > value) {
          this.#say(
            `${book}: ${read.id} showed ${value}, and missed ${id}, number ${place}, acknowledged before it began`,
          );
        }
        if (invokedMs > read.doneMs && place <= value) {
          this.#say(`${book}: ${read.id} showed ${value}, and ${id}, number ${place}, began after it`);
        }
      }
      for (const later of reads) {
        if (read.doneMs < later.invokedMs && value > (later.value ?? 0)) {
          this.#say(`${book}: ${read.id} showed ${value}, then ${later.id} showed ${String(later.value)}`);
        }
      }
    }
  }

  /** Reads that are not checked show what was there at some time. */
  checkLocalReads(book: string, log: readonly string[]): void {
    for (const { id, kind, value, book: of } of this.#operations.values()) {
      if (kind === 'read' && of === book && value !== undefined && value > log.length) {
        this.#say(`${book}: ${id} showed ${value}, and there were never more than ${log.length}`);
      }
    }
  }

  #say(text: string): void {
    this.violations.push(text);
  }
}
