// The other end of remote.ts: makes the object that the parent names, and calls its methods.
import type { RemoteReply, RemoteRequest, RemoteTarget } from './remote.ts';

type Methods = Record<string, ((...args: unknown[]) => unknown) | undefined>;

let target: Methods = {};
let keepsGarbage = false;

async function perform({ method, args }: RemoteRequest): Promise<unknown> {
  if (method === 'open') {
    const { module, exported, args: given } = args[0] as RemoteTarget;
    const opened = ((await import(module)) as Methods)[exported];
    target = (await opened?.(...given)) as Methods;
    keepsGarbage = (target as { readonly keepsGarbage?: unknown }).keepsGarbage === true;
    return undefined;
  }
  // What was thrown away before is not this round's to collect.
  if (method === 'run' && !keepsGarbage) globalThis.gc?.();
  return await target[method]?.(...args);
}

function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.name === 'BenchError' ? thrown.message : (thrown.stack ?? thrown.message);
}

async function answer(request: RemoteRequest): Promise<RemoteReply> {
  try {
    return { id: request.id, result: await perform(request) };
  } catch (thrown) {
    return { id: request.id, error: textOf(thrown) };
  }
}

process.on('message', (request: RemoteRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
