import assert from 'node:assert/strict';
import { factsOf } from '../../../lib/lang/index.ts';
import { coreNamed, kebabOf, pascalOf } from '../../../silo/internal.ts';
import { checkpoint, emit, flow, literal, memory, program, rigid } from './ir-programs.ts';

describe('Traits of flows', () => {
  it('a flow that calls one with a checkpoint, over another, may suspend', () => {
    const module = program({
      name: 'Deep',
      flows: [
        flow('outer', {}, [rigid({ kind: 'flow_call', flow: 'middle', args: [] })]),
        flow('middle', {}, [rigid({ kind: 'flow_call', flow: 'inner', args: [] })]),
        flow('inner', {}, [checkpoint('answer')]),
        flow('apart', {}, [rigid(memory('read', 'total', [], 'x'))]),
      ],
    });
    const traits = factsOf(module);
    assert.equal(traits.get('outer')?.maySuspend, true);
    assert.equal(traits.get('apart')?.maySuspend, false);
    assert.equal(traits.get('apart')?.usesMemory, true);
  });

  it('flows that call each other in a circle, end, and have what any of them has', () => {
    const call = (name: string) => rigid({ kind: 'flow_call', flow: name, args: [] });
    const module = program({
      name: 'Circle',
      flows: [flow('a', {}, [call('b')]), flow('b', {}, [call('a'), rigid(emit('e', {}))])],
    });
    assert.equal(factsOf(module).get('a')?.emits, true);
  });

  it('checkpoints in arms, branches, catches and actions of failures, are found', () => {
    const inside: Parameters<typeof flow>[2][] = [
      [{ kind: 'match', subject: literal(1), arms: [{ pattern: { kind: 'any' }, body: [checkpoint('x')] }] }],
      [{ kind: 'try', body: [], catches: [{ body: [checkpoint('x')] }] }],
      [{ kind: 'while', condition: literal(true), max_iterations: 2, body: [checkpoint('x')] }],
      [
        {
          kind: 'flexible',
          goal: literal('g'),
          output_type: { kind: 'null' },
          llm_role: null,
          input_bindings: {},
          context_bindings: {},
          on_failure: [{ failure: 'refusal', actions: [{ kind: 'flag_and_checkpoint' }] }],
        },
      ],
      [rigid({ kind: 'if', condition: literal(true), then: [{ kind: 'block', block: checkpoint('x') }] })],
    ];
    for (const body of inside)
      assert.equal(factsOf(program({ name: 'P', flows: [flow('f', {}, body)] })).get('f')?.maySuspend, true);
  });
});

describe('Names of Cores in URIs', () => {
  it('kebab and pascal, turn names into slugs and back', () => {
    assert.equal(kebabOf('OrderDesk'), 'order-desk');
    assert.equal(kebabOf('HTTPProbe2'), 'http-probe2');
    assert.equal(pascalOf('order-desk'), 'OrderDesk');
  });

  it('a URI, exact name before slug, with or without a tenant', () => {
    const names = new Map([
      ['OrderDesk', 1],
      ['order-desk', 2],
      ['HTTPProbe', 3],
    ]);
    assert.equal(coreNamed('core://order-desk', names), 'order-desk');
    assert.equal(coreNamed('core://acme/OrderDesk', names), 'OrderDesk');
    assert.equal(coreNamed('core://acme/http-probe', names), 'HTTPProbe');
    assert.equal(coreNamed('core://nobody', names), undefined);
    assert.equal(coreNamed('core://', names), undefined);
  });
});
