// Reads what the accounts keep, through a gateway as anybody would.
import type { GranaryClient } from '../../gateway/client/node.ts';
import type { account, Change } from './chaos-cores.ts';

const AT_ONCE = 8;
const PAGE = 500;
const TRIES = 5;

export async function readHistories(
  client: GranaryClient,
  names: Iterable<string>,
  violation: (kind: string, detail: string) => void,
): Promise<Map<string, readonly Change[]>> {
  const histories = new Map<string, readonly Change[]>();
  const left = [...names];
  const read = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const history = await readOne(client, name, violation);
      if (history) histories.set(name, history);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, read));
  return histories;
}

async function readOne(
  client: GranaryClient,
  name: string,
  violation: (kind: string, detail: string) => void,
): Promise<readonly Change[] | undefined> {
  const ref = client.core<typeof account>('account').get(name);
  let problem: unknown;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    try {
      const count = await ref.count();
      const changes: Change[] = [];
      // One page more than there should be: what is beyond the count shows, too.
      for (let from = 0; from <= count; from += PAGE) {
        changes.push(...((await ref.page({ from, to: from + PAGE })) as readonly Change[]));
      }
      if (changes.length !== count) violation('count', `${name} counts ${count} and keeps ${changes.length}`);
      return changes;
    } catch (thrown) {
      problem = thrown;
    }
  }
  violation('unread', `${name}: ${String(problem)}`);
  return undefined;
}
