// Pass 2: what written types mean (E202), each node once. Declared types stay names, so that they may be recursive.
import type { Report } from '../source/diagnostic.ts';
import type { TypeNode } from '../syntax/ast.ts';
import {
  arrayOf,
  DYNAMIC,
  enumOf,
  mapOf,
  NULL,
  optionalOf,
  PRIMITIVES,
  STRING,
  unionOf,
} from '../types/construct.ts';
import type { ObjectField, Type } from '../types/type.ts';
import {
  type Declaration,
  exportedNames,
  isExported,
  type ModuleScope,
  reportDuplicate,
  type TypeDeclaration,
} from './declarations.ts';
import { didYouMean, meantOrNear } from '../source/nearest.ts';
import { TYPE_NAMES } from './other-languages.ts';

const TYPE_WORDS: readonly string[] = [...PRIMITIVES.keys(), 'array', 'map', 'enum'];

export class TypeResolver {
  readonly #types = new Map<TypeNode, Type>();
  readonly #used: Set<Declaration>;

  /** `used` collects the declarations that were named. */
  constructor(used: Set<Declaration>) {
    this.#used = used;
  }

  /** `dynamic` for what was never resolved. */
  typeOf(node: TypeNode): Type {
    return this.#types.get(node) ?? DYNAMIC;
  }

  resolve(node: TypeNode, scope: ModuleScope): Type {
    const known = this.#types.get(node);
    if (known) return known;
    const type = this.#resolveNew(node, scope);
    this.#types.set(node, type);
    return type;
  }

  #resolveNew(node: TypeNode, scope: ModuleScope): Type {
    switch (node.kind) {
      case 'type_name':
        return this.#resolveName(node, scope);
      case 'type_array':
        return arrayOf(this.resolve(node.item, scope));
      case 'type_map': {
        const key = this.resolve(node.key, scope);
        const isText = key.kind !== 'primitive' || STRING_NAMES.has(key.name);
        if (!isText) scope.report('E300', node.key.span, 'the keys of a map are text');
        return { kind: 'map', key: isText ? key : STRING, value: this.resolve(node.value, scope) };
      }
      case 'type_object':
        return { kind: 'object', fields: this.#resolveFields(node, scope) };
      case 'type_enum': {
        const symbols = new Set<string>();
        for (const symbol of node.symbols) {
          if (symbols.has(symbol.text))
            reportDuplicate(scope.report, scope.module.file.source, symbol, 'symbol');
          symbols.add(symbol.text);
        }
        return enumOf([...symbols]);
      }
      case 'type_union':
        return unionOf(
          node.members.map((member) => this.resolve(member, scope)),
          Number.POSITIVE_INFINITY,
        );
      case 'type_optional':
        return optionalOf(this.resolve(node.inner, scope));
      case 'type_literal':
        return { kind: 'literal', value: node.value };
      case 'type_null':
        return NULL;
      case 'type_error':
        return DYNAMIC;
    }
  }

  #resolveFields(node: TypeNode & { readonly kind: 'type_object' }, scope: ModuleScope): ObjectField[] {
    const byName = new Map<string, ObjectField>();
    for (const { name, type } of node.fields) {
      if (byName.has(name.text)) reportDuplicate(scope.report, scope.module.file.source, name, 'field');
      const resolved = this.resolve(type, scope);
      const isOptional = type.kind === 'type_optional';
      byName.set(name.text, {
        name: name.text,
        type: resolved,
        ...(isOptional && { is_optional: true }),
      });
    }
    return [...byName.values()];
  }

  #resolveName(node: TypeNode & { readonly kind: 'type_name' }, scope: ModuleScope): Type {
    const { text } = node.name;
    if (node.namespace) return this.#resolveMember(node, node.namespace.text, scope);
    const primitive = PRIMITIVES.get(text);
    if (primitive) return primitive;
    if (text === 'array') return arrayOf(DYNAMIC);
    if (text === 'map') return mapOf(DYNAMIC);
    const declaration = scope.names.get(text);
    if (declaration?.kind === 'type') return this.#use(declaration);
    if (!scope.missingNames.has(text)) {
      const hint = meantOrNear(text, typeNames(scope), TYPE_NAMES);
      scope.report('E202', node.span, `there is no type '${text}'`, hint);
    }
    return DYNAMIC;
  }

  #resolveMember(
    node: TypeNode & { readonly kind: 'type_name' },
    namespace: string,
    scope: ModuleScope,
  ): Type {
    const from = scope.names.get(namespace);
    if (from) this.#used.add(from);
    if (from?.kind !== 'namespace') {
      if (!scope.missingNames.has(namespace))
        scope.report('E202', node.span, `'${namespace}' is not an imported file`);
      return DYNAMIC;
    }
    const declaration = from.scope.names.get(node.name.text);
    if (declaration?.kind === 'type' && isExported(declaration, from.scope)) return this.#use(declaration);
    const message = `'${namespace}' has no public type '${node.name.text}'`;
    scope.report('E202', node.span, message, didYouMean(node.name.text, exportedNames(from.scope)));
    return DYNAMIC;
  }

  #use(declaration: TypeDeclaration): Type {
    this.#used.add(declaration);
    return { kind: 'named', name: declaration.name };
  }
}

const STRING_NAMES: ReadonlySet<string> = new Set(['string', 'email', 'url', 'uuid']);

function* typeNames(scope: ModuleScope): Generator<string> {
  for (const [name, { kind }] of scope.names) if (kind === 'type') yield name;
  yield* TYPE_WORDS;
}

/** The definitions of all declared types; names that stand only for themselves are reported. */
export function defineTypes(
  declarations: readonly TypeDeclaration[],
  resolver: TypeResolver,
): Map<string, Type> {
  const types = new Map<string, Type>();
  for (const { name, node, scope } of declarations) types.set(name, resolver.resolve(node.type, scope));
  const state = new Map<string, 'open' | 'done'>();
  for (const { name, node, scope } of declarations)
    if (isCircular(name, types, state)) {
      reportCircle(scope.report, node.name.text, node.span);
      types.set(name, DYNAMIC);
    }
  return types;
}

function reportCircle(report: Report, name: string, span: TypeNode['span']): void {
  report('E202', span, `type '${name}' is defined only by itself`);
}

/** Whether following the name, without entering an object, array or map, leads back to it. */
function isCircular(
  name: string,
  types: ReadonlyMap<string, Type>,
  state: Map<string, 'open' | 'done'>,
): boolean {
  const known = state.get(name);
  if (known) return known === 'open';
  state.set(name, 'open');
  const pending: Type[] = [types.get(name) ?? DYNAMIC];
  let isCircle = false;
  for (let type = pending.pop(); type && !isCircle; type = pending.pop()) {
    if (type.kind === 'named') isCircle = isCircular(type.name, types, state);
    else if (type.kind === 'optional') pending.push(type.inner);
    else if (type.kind === 'union') pending.push(...type.members);
  }
  state.set(name, 'done');
  return isCircle;
}
