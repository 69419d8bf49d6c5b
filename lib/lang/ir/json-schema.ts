// Types as JSON Schema (draft 2020-12): what models are asked to answer with, and what documents show.
import type { IRType, JsonValue } from './ir.ts';

/** Types that refer to themselves are put under `$defs`; others stand where they are used. */
export function jsonSchemaOf(type: IRType, types: Readonly<Record<string, IRType>>): JsonValue {
  const writer = new SchemaWriter(types);
  const schema = writer.write(type);
  const definitions = writer.definitions();
  return Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: definitions };
}

type Schema = Readonly<Record<string, JsonValue>>;

const FORMATS: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  int: { type: 'integer' },
  float: { type: 'number' },
  money: { type: 'number' },
  bool: { type: 'boolean' },
  date: { type: 'string', format: 'date' },
  datetime: { type: 'string', format: 'date-time' },
  duration: { type: 'number', description: 'milliseconds' },
  email: { type: 'string', format: 'email' },
  url: { type: 'string', format: 'uri' },
  uuid: { type: 'string', format: 'uuid' },
};

class SchemaWriter {
  readonly #types: Readonly<Record<string, IRType>>;
  readonly #open = new Set<string>();
  readonly #recursive = new Set<string>();
  readonly #written = new Map<string, Schema>();

  constructor(types: Readonly<Record<string, IRType>>) {
    this.#types = types;
  }

  definitions(): Record<string, JsonValue> {
    const found: Record<string, JsonValue> = {};
    for (const name of this.#recursive) found[name] = this.#written.get(name) ?? {};
    return found;
  }

  write(type: IRType): Schema {
    switch (type.kind) {
      case 'primitive':
        return FORMATS[type.name] ?? {};
      case 'array':
        return { type: 'array', items: this.write(type.item as IRType) };
      case 'map':
        return { type: 'object', additionalProperties: this.write(type.value as IRType) };
      case 'object':
        return {
          type: 'object',
          properties: Object.fromEntries(
            type.fields.map((field) => {
              const schema = this.write(field.type as IRType);
              const isNullable = field.is_optional === true && field.type.kind !== 'optional';
              return [field.name, isNullable ? nullable(schema) : schema];
            }),
          ),
          required: type.fields.filter((field) => !isOptional(field)).map(({ name }) => name),
          additionalProperties: false,
        };
      case 'enum':
        return { type: 'string', enum: [...type.symbols] };
      case 'literal':
        return { type: 'string', enum: [type.value] };
      case 'union':
        return this.#union(type.members as readonly IRType[]);
      case 'optional':
        return nullable(this.write(type.inner as IRType));
      case 'null':
        return { type: 'null' };
      case 'dynamic':
        return {};
      case 'named':
        return this.#named(type.name);
    }
  }

  #union(members: readonly IRType[]): Schema {
    const texts = members.filter((member) => member.kind === 'literal');
    if (texts.length === members.length) return { type: 'string', enum: texts.map(({ value }) => value) };
    return { anyOf: members.map((member) => this.write(member)) };
  }

  #named(name: string): Schema {
    const type = Object.hasOwn(this.#types, name) ? this.#types[name] : undefined;
    if (!type) return {};
    if (this.#open.has(name)) this.#recursive.add(name);
    if (this.#recursive.has(name)) return { $ref: `#/$defs/${name}` };
    this.#open.add(name);
    const schema = this.write(type);
    this.#open.delete(name);
    if (!this.#recursive.has(name)) return schema;
    this.#written.set(name, schema);
    return { $ref: `#/$defs/${name}` };
  }
}

function isOptional(field: {
  readonly type: { readonly kind: string };
  readonly is_optional?: boolean;
}): boolean {
  return field.is_optional === true || field.type.kind === 'optional';
}

function nullable(schema: Schema): Schema {
  if (typeof schema['type'] === 'string' && schema['enum'] === undefined)
    return schema['type'] === 'null' ? schema : { ...schema, type: [schema['type'], 'null'] };
  return { anyOf: [schema, { type: 'null' }] };
}
