// An empty flow, asked again and again: what it costs that a program is behind it instead of TypeScript.
import { defineCore, entity, type LooseRef } from '../../gateway/granary.ts';
import type { IRModule } from '../../lib/lang/index.ts';
import { programCores } from '../../silo/internal.ts';
import { type Bench, checkEqual, type Contestant, type ContestantSpec, timed } from '../bench.ts';
import { openHost } from '../subjects/granary-host.ts';

const typescript = defineCore({
  name: 'Probe',
  version: '1.0.0',
  instance: entity({ entityKey: 'probe' }),
}).flows((flow) => ({
  echo: flow({ run: (_ctx, input) => (input as { readonly n: number }).n }),
}));

const INT = { kind: 'primitive', name: 'int' } as const;

/** `@flow echo(probe: string, n: int): int { return n }` */
const program: IRModule = {
  schema_version: '0.1.0',
  name: 'Probe',
  version: '1.0.0',
  instance: { mode: 'entity', entity_key: 'probe' },
  types: {},
  config: [],
  memory: {},
  reference: {},
  models: {},
  plugins: [],
  triggers: [],
  subscriptions: [],
  functions: [],
  internal_flows: [],
  flows: [
    {
      name: 'echo',
      role: 'flow',
      params: [
        { name: 'probe', type: { kind: 'primitive', name: 'string' } },
        { name: 'n', type: INT },
      ],
      return_type: INT,
      body: [
        {
          kind: 'rigid',
          implicit: true,
          statements: [{ kind: 'return', value: { kind: 'ref', name: 'n' } }],
        },
      ],
    },
  ],
};

function asking(name: string, label: string, isProgram: boolean): ContestantSpec {
  const open = async (): Promise<Contestant> => {
    const cores = isProgram ? programCores(program) : [typescript];
    const host = await openHost({ cores, data: 'memory' });
    const grain = host.ref('Probe', 'one') as unknown as LooseRef;
    let total = 0;
    return {
      async run(count) {
        let last: unknown = 0;
        const sample = await timed(async () => {
          for (let call = 0; call < count; call += 1)
            last = await grain['echo']?.({ probe: 'one', n: (total += 1) });
          return count;
        });
        checkEqual(Number(last), total, 'answer');
        return sample;
      },
      close: () => host.stop(),
    };
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'scaicore-hosted',
  title: 'Hosted program: one caller, one grain, an empty flow',
  file: import.meta.url,
  unit: 'rate',
  work: { step: 1_000 },
  contestants: [asking('program', 'a program', true), asking('typescript', 'the same in TypeScript', false)],
  targets: [{ of: 'program', beside: 'typescript', atLeast: 1 / 3 }],
};
