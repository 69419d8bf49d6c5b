// Patterns with `*` and `?` in time linear in the text for each star, and never worse than text times pattern: there is
// only one place to go back to, so no input makes it explode.
export function matchesGlob(text: string, pattern: string): boolean {
  let at = 0;
  let want = 0;
  let star = -1;
  let resumeAt = 0;
  while (at < text.length) {
    const wanted = pattern[want];
    if (wanted === '*') {
      star = want;
      resumeAt = at;
      want += 1;
    } else if (wanted === '?' || wanted === text[at]) {
      at += 1;
      want += 1;
    } else if (star >= 0) {
      resumeAt += 1;
      at = resumeAt;
      want = star + 1;
    } else return false;
  }
  while (pattern[want] === '*') want += 1;
  return want === pattern.length;
}
