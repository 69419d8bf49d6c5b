// RouteCache: grains that were found elsewhere than where the hash would have them. Hints: a wrong one costs a hop.
import { formatGrainId, type GrainId } from '../../lib/index.ts';

const ROUTES_MAX = 20_000;

export class RouteCache {
  /** Incarnation by grain, the least recently learned first. */
  readonly #routes = new Map<string, string>();

  get size(): number {
    return this.#routes.size;
  }

  get(grain: GrainId): string | undefined {
    return this.#routes.size === 0 ? undefined : this.#routes.get(formatGrainId(grain));
  }

  learn(grain: GrainId, incarnation: string): void {
    const name = formatGrainId(grain);
    this.#routes.delete(name);
    this.#routes.set(name, incarnation);
    if (this.#routes.size <= ROUTES_MAX) return;
    const oldest = this.#routes.keys().next();
    if (!oldest.done) this.#routes.delete(oldest.value);
  }

  forget(grain: GrainId): void {
    if (this.#routes.size > 0) this.#routes.delete(formatGrainId(grain));
  }

  /** Keeps only routes to silos that a new view still has. */
  retain(isKnown: (incarnation: string) => boolean): void {
    for (const [name, incarnation] of this.#routes) if (!isKnown(incarnation)) this.#routes.delete(name);
  }
}
