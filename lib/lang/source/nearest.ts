// Which known name somebody may have meant.

/** Longer lists are not searched: the answer would be a guess, and a slow one. */
const CANDIDATES_MAX = 500;
const NAME_MAX = 40;

/** The candidate that differs least from `name`, if by little; the first of equals. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  // Every other name of one letter is one letter away.
  const limit = name.length <= 2 ? name.length - 1 : Math.max(1, Math.floor(name.length / 3));
  if (name.length > NAME_MAX) return undefined;
  let best: string | undefined;
  let least = limit + 1;
  let seen = 0;
  for (const candidate of candidates) {
    if ((seen += 1) > CANDIDATES_MAX) break;
    if (candidate === name || Math.abs(candidate.length - name.length) >= least) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Entries of a map for several words with the same answer. */
export function sameFor<Answer>(words: readonly string[], answer: Answer): [string, Answer][] {
  return words.map((word) => [word, answer]);
}

/** As `hint` of a report: what the word is called here if other languages have it, else the candidate that is near. */
export function meantOrNear(
  name: string,
  candidates: Iterable<string>,
  words: ReadonlyMap<string, string>,
): { readonly hint?: string } {
  const meant = words.get(name);
  return meant === undefined ? didYouMean(name, candidates) : { hint: meant };
}

/** As `hint` of a report. */
export function didYouMean(name: string, candidates: Iterable<string>): { readonly hint?: string } {
  const best = nearestName(name, candidates);
  return best === undefined ? {} : { hint: `did you mean '${best}'?` };
}

/** Insertions, deletions and replacements, and neighbours that changed places. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const isSame = left[row - 1] === right[column - 1];
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwap = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && isSwap) cost = Math.min(cost, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[right.length] ?? 0;
}
