// The Standard Schema interface, version 1 (https://standardschema.dev): how zod, valibot and arktype offer themselves.
// Written out here because it is types only and would otherwise be a dependency.

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export type SchemaInput<S> = S extends StandardSchema<infer Input, unknown> ? Input : unknown;
export type SchemaOutput<S> = S extends StandardSchema<unknown, infer Output> ? Output : unknown;

/** The schema as JSON Schema, where the library can say it (zod does); undefined where it cannot. */
export function toJsonSchema(schema: StandardSchema | undefined): unknown {
  const standard = schema?.['~standard'] as { readonly jsonSchema?: JsonSchemaSource } | undefined;
  try {
    return standard?.jsonSchema?.input({ target: 'draft-2020-12' });
  } catch {
    // A schema with transforms or custom checks has no JSON Schema: the document then says nothing, rather than a lie.
    return undefined;
  }
}

interface JsonSchemaSource {
  readonly input: (options: { readonly target: 'draft-2020-12' }) => unknown;
}
