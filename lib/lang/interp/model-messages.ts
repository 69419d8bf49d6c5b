// What a model is told: who it is, what it shall do, under which rules, examples, and what it is given. The form of the
// answer is the provider's to ask for: it gets the schema.
import type { IRConstraints, IRModule, JsonValue } from '../ir/ir.ts';
import type { ModelMessage } from './host-environment.ts';
import { fieldOf, isObject, type JsonObject, toText } from './values.ts';

export interface ModelTask {
  readonly identity: JsonValue;
  readonly goal: string;
  readonly guidance: string | undefined;
  readonly constraints: readonly IRConstraints[];
  readonly policy: IRModule['conversation_policy'];
  readonly examples: readonly { readonly input: JsonValue; readonly output: JsonValue }[];
  /** Undefined where the block has none. */
  readonly input: JsonValue | undefined;
  readonly context: JsonValue | undefined;
}

export function messagesOf(task: ModelTask): readonly ModelMessage[] {
  const system = [
    identityText(task.identity),
    `Goal: ${task.goal}`,
    task.guidance === undefined ? '' : `Guidance: ${task.guidance}`,
    ruleText('Never', task.constraints, 'never'),
    ruleText('Always', task.constraints, 'always'),
    ruleText('Prefer', task.constraints, 'prefer'),
    task.policy && Object.keys(task.policy).length > 0
      ? `Conversation policy: ${JSON.stringify(task.policy)}`
      : '',
  ];
  const messages: ModelMessage[] = [{ role: 'system', content: joined(system) }];
  for (const { input, output } of task.examples) {
    messages.push({ role: 'user', content: `Input:\n${shown(input)}` });
    messages.push({ role: 'assistant', content: shown(output) });
  }
  const given = [
    task.input === undefined ? '' : `Input:\n${shown(task.input)}`,
    task.context === undefined ? '' : `Context:\n${shown(task.context)}`,
  ];
  // Some services refuse requests without a word of a user.
  const content = joined(given);
  messages.push({ role: 'user', content: content === '' ? task.goal : content });
  return messages;
}

/** After an answer that did not do: the answer, and what was wrong with it. */
export function followUp(answer: string, problem: string, note: string | undefined): readonly ModelMessage[] {
  const content = joined([`That answer cannot be used: ${problem}.`, note ?? 'Answer again.']);
  return [
    { role: 'assistant', content: answer },
    { role: 'user', content },
  ].filter((message): message is ModelMessage => message.content !== '');
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

function shown(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

function identityText(identity: JsonValue): string {
  if (identity === null) return '';
  if (!isObject(identity)) return `You are ${toText(identity)}.`;
  const name = fieldOf(identity, 'name');
  const rest: JsonObject = Object.fromEntries(
    // Pictures are for people.
    Object.entries(identity).filter(([key, value]) => key !== 'name' && key !== 'avatar' && value !== null),
  );
  const lines = Object.entries(rest).map(([key, value]) => `${key}: ${toText(value)}`);
  return [...(typeof name === 'string' ? [`You are ${name}.`] : []), ...lines].join('\n');
}

function ruleText(
  title: string,
  sets: readonly IRConstraints[],
  kind: 'never' | 'always' | 'prefer',
): string {
  const rules = sets.flatMap((set) => set[kind] ?? []);
  return rules.length === 0 ? '' : `${title}:\n${rules.map((rule) => `- ${rule}`).join('\n')}`;
}
