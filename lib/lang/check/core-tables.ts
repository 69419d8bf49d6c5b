// Pass 3: the blocks of the core as tables by name, with their types (E201, E205). What stands in their fields is looked
// at by check-core.ts, when all names are known.
import type { CoreNode, Name, SignatureNode } from '../syntax/ast.ts';
import { NULL } from '../types/construct.ts';
import type { CheckedPlugin, CheckedSignature } from './checked.ts';
import { type Declarations, type ModuleScope, reportDuplicate } from './declarations.ts';
import { didYouMean } from '../source/nearest.ts';
import type { CoreTables } from './program-context.ts';
import type { TypeResolver } from './resolve-type.ts';

export function buildTables(declarations: Declarations, resolver: TypeResolver): CoreTables {
  const { core, entry } = declarations;
  const tables: CoreTables = {
    hasCore: core !== undefined,
    models: new Map(),
    plugins: new Map(),
    memory: new Map(),
    reference: new Map(),
    config: new Map(),
    coreInterfaces: new Map(),
  };
  if (core) addMembers(core, entry, tables, resolver);
  addPluginInterfaces(declarations, tables, resolver);
  addCoreInterfaces(declarations, tables, resolver);
  return tables;
}

/** Enters the first of each name. */
function enter<T>(table: Map<string, T>, name: Name, value: T, what: string, scope: ModuleScope): void {
  if (table.has(name.text)) reportDuplicate(scope.report, scope.module.file.source, name, what);
  else table.set(name.text, value);
}

function addMembers(core: CoreNode, scope: ModuleScope, tables: CoreTables, resolver: TypeResolver): void {
  for (const member of core.members)
    switch (member.kind) {
      case 'models':
        // A role that is given twice is a field that is given twice to the parser.
        for (const entry of member.entries)
          if (!tables.models.has(entry.role.text)) tables.models.set(entry.role.text, entry);
        break;
      case 'plugins':
        for (const node of member.entries) {
          const plugin: CheckedPlugin = { alias: node.alias.text, node };
          enter(tables.plugins, node.alias, plugin, 'plugin', scope);
        }
        break;
      case 'memory':
      case 'reference':
        for (const node of member.fields) {
          const field = { name: node.name.text, type: resolver.resolve(node.type, scope), node };
          enter(tables[member.kind], node.name, field, `${member.kind} field`, scope);
        }
        break;
      case 'config':
        for (const node of member.params) {
          const param = { name: node.name.text, type: resolver.resolve(node.type, scope), node };
          enter(tables.config, node.name, param, 'parameter', scope);
        }
        break;
      default:
        break;
    }
}

function addPluginInterfaces(
  { pluginInterfaces }: Declarations,
  tables: CoreTables,
  resolver: TypeResolver,
): void {
  for (const { node, scope } of pluginInterfaces) {
    const methods = signatures(node.methods, 'method', scope, resolver);
    const plugin = tables.plugins.get(node.name.text);
    if (plugin?.interface)
      reportDuplicate(scope.report, scope.module.file.source, node.name, 'plugin interface');
    else if (plugin) tables.plugins.set(plugin.alias, { ...plugin, interface: { node, methods } });
    else if (tables.hasCore) {
      const hint = didYouMean(node.name.text, tables.plugins.keys());
      scope.report('E205', node.name.span, `there is no plugin '${node.name.text}'`, hint);
    }
  }
}

function addCoreInterfaces(
  { coreInterfaces }: Declarations,
  tables: CoreTables,
  resolver: TypeResolver,
): void {
  for (const { node, scope } of coreInterfaces)
    enter(
      tables.coreInterfaces,
      node.target,
      signatures(node.flows, 'flow', scope, resolver),
      'core interface',
      scope,
    );
}

function signatures(
  nodes: readonly SignatureNode[],
  what: string,
  scope: ModuleScope,
  resolver: TypeResolver,
): Map<string, CheckedSignature> {
  const byName = new Map<string, CheckedSignature>();
  for (const node of nodes) {
    const params = node.params.map((param) => ({
      name: param.name.text,
      type: resolver.resolve(param.type, scope),
      ...(param.initial && { initial: param.initial }),
      node: param,
    }));
    const result = node.result ? resolver.resolve(node.result, scope) : NULL;
    enter(byName, node.name, { name: node.name.text, params, result, node }, what, scope);
  }
  return byName;
}
