// An input that a flow may take, made up from the JSON Schema of its input: for the example that is printed.

interface JsonSchema {
  readonly type?: unknown;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minimum?: number;
}

/** Undefined where the flow takes anything. */
export function sampleInput(schema: unknown, entityKey: string | undefined, key: string): unknown {
  if (typeof schema !== 'object' || schema === null) return undefined;
  const sample = sampleOf(schema, 0);
  const properties = (schema as JsonSchema).properties ?? {};
  // A key that differs from the one in the path would be refused.
  if (entityKey === undefined || !Object.hasOwn(properties, entityKey) || !isObject(sample)) return sample;
  return { ...sample, [entityKey]: key };
}

function sampleOf(schema: JsonSchema, depth: number): unknown {
  const { anyOf, enum: choices, minimum } = schema;
  if ('const' in schema) return schema.const;
  if ('default' in schema) return schema.default;
  if (choices && choices.length > 0) return choices[0];
  if (anyOf?.[0]) return sampleOf(anyOf[0], depth);
  switch (Array.isArray(schema.type) ? (schema.type as unknown[])[0] : schema.type) {
    case 'string':
      return 'text';
    case 'number':
    case 'integer':
      return Math.max(1, minimum ?? 1);
    case 'boolean':
      return true;
    case 'array':
      return schema.items && depth < 4 ? [sampleOf(schema.items, depth + 1)] : [];
    case 'object':
      return sampleObject(schema, depth);
    default:
      return null;
  }
}

function sampleObject({ properties = {}, required = [] }: JsonSchema, depth: number): unknown {
  if (depth >= 4) return {};
  const names = Object.keys(properties).filter((name) => required.includes(name));
  return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name] ?? {}, depth + 1)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
