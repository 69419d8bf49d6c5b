// How a model is asked for JSON that fits a schema, and how its answer becomes the value that was asked for.
// Services want an object at the root: anything else travels as `{"value": …}`, and comes out again here.
import type { JsonValue } from '../../lib/lang/index.ts';
import type { StructuredOutput } from './model-options.ts';

type Schema = Readonly<Record<string, JsonValue>>;

export interface AnswerFormat {
  /** With an object at its root. */
  readonly schema: Schema;
  readonly isWrapped: boolean;
  /** Services in strict mode refuse schemas with optional or free properties. */
  readonly isStrict: boolean;
  /** `a-z A-Z 0-9 _ -`, at most 64. */
  readonly name: string;
}

export function answerFormat(given: JsonValue, name: string): AnswerFormat {
  const asked: Schema = isSchema(given) ? given : {};
  const isWrapped = asked['type'] !== 'object';
  const schema = isWrapped ? wrapped(asked) : asked;
  const clean = name.replace(/[^\w-]+/g, '_').slice(0, 64);
  return { schema, isWrapped, isStrict: isStrict(schema), name: clean === '' ? 'answer' : clean };
}

/** Definitions stay at the root, where references look for them. */
function wrapped(asked: Schema): Schema {
  const { $defs, definitions, $schema: _dialect, ...value } = asked;
  return {
    type: 'object',
    properties: { value },
    required: ['value'],
    additionalProperties: false,
    ...($defs === undefined ? {} : { $defs }),
    ...(definitions === undefined ? {} : { definitions }),
  };
}

function isSchema(value: JsonValue | undefined): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether every object in the schema is closed and needs all of its properties. */
function isStrict(schema: JsonValue): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict);
  if (!isSchema(schema)) return true;
  if (schema['type'] === 'object' || schema['properties'] !== undefined) {
    const properties = isSchema(schema['properties']) ? schema['properties'] : {};
    const required = Array.isArray(schema['required']) ? schema['required'] : [];
    if (schema['additionalProperties'] !== false) return false;
    if (!Object.keys(properties).every((name) => required.includes(name))) return false;
    return Object.values(properties).every(isStrict) && restOf(schema).every(isStrict);
  }
  // An empty schema allows everything, which strict mode cannot say.
  return Object.keys(schema).length > 0 && restOf(schema).every(isStrict);
}

/** Schemas inside of a schema, without those of its properties. */
function restOf(schema: Schema): JsonValue[] {
  const inner = ['items', 'anyOf', 'oneOf', 'allOf'].flatMap((name) => {
    const held = schema[name];
    return held === undefined || typeof held === 'boolean' ? [] : [held];
  });
  const named = ['$defs', 'definitions'].flatMap((name) => {
    const held = schema[name];
    return isSchema(held) ? Object.values(held) : [];
  });
  return [...inner, ...named];
}

/** `response_format`; none where the model is only told in words. */
export function responseFormat(format: AnswerFormat, mode: StructuredOutput): Schema | undefined {
  if (mode === 'prompt') return undefined;
  if (mode === 'json_object') return { type: 'json_object' };
  const { name, isStrict: strict, schema } = format;
  return { type: 'json_schema', json_schema: { name, strict, schema } };
}

/** What the model is told where the service does not hold it to the schema. */
export function formatInWords({ schema }: AnswerFormat): string {
  return `Answer with one JSON object and nothing else. It has to fit this JSON Schema:\n${JSON.stringify(schema)}`;
}

/** The JSON text that was asked for: without a Markdown fence around it, and out of its wrapping. */
export function valueText(text: string, { isWrapped }: AnswerFormat): string {
  const bare = withoutFence(text);
  if (!isWrapped) return bare;
  try {
    const parsed = JSON.parse(bare) as JsonValue;
    const isWrapping = isSchema(parsed) && Object.keys(parsed).length === 1 && Object.hasOwn(parsed, 'value');
    return isWrapping ? JSON.stringify(parsed['value']) : bare;
  } catch {
    return bare; // not JSON: the engine says so, and asks again
  }
}

function withoutFence(text: string): string {
  const trimmed = text.trim();
  return /^```[\w-]*\s*\n([\s\S]*?)\n?\s*```$/.exec(trimmed)?.[1]?.trim() ?? trimmed;
}
