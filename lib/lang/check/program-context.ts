// What all passes over bodies share: the tables of the program, and where they write what they find.
import type { BlockStmt, Expr, MatchStmt, ModelsNode, TypeNode } from '../syntax/ast.ts';
import { DYNAMIC } from '../types/construct.ts';
import type { Type } from '../types/type.ts';
import type { TypeTable } from '../types/type-table.ts';
import type { AssignedNames } from './assigned-names.ts';
import type {
  CheckedConfigParam,
  CheckedField,
  CheckedParam,
  CheckedPlugin,
  CheckedSignature,
  Resolution,
} from './checked.ts';
import type { CallableDeclaration, Declaration, ModuleScope } from './declarations.ts';
import type { TypeResolver } from './resolve-type.ts';

/** The blocks of the core as tables. */
export interface CoreTables {
  readonly hasCore: boolean;
  readonly models: Map<string, ModelsNode['entries'][number]>;
  readonly plugins: Map<string, CheckedPlugin>;
  readonly memory: Map<string, CheckedField>;
  readonly reference: Map<string, CheckedField>;
  readonly config: Map<string, CheckedConfigParam>;
  readonly coreInterfaces: Map<string, Map<string, CheckedSignature>>;
}

/** What a callable looks like from outside. */
export interface CallableHead {
  readonly declaration: CallableDeclaration;
  readonly params: readonly CheckedParam[];
  /** As declared; without it what the body turns out to give. */
  readonly result: Type | undefined;
}

export class ProgramContext {
  readonly table: TypeTable;
  readonly resolver: TypeResolver;
  readonly tables: CoreTables;
  readonly heads: ReadonlyMap<string, CallableHead>;
  readonly types: Type[];
  readonly resolutions: Resolution[];
  readonly blockTypes = new Map<BlockStmt | MatchStmt, Type>();
  readonly assignedNames: AssignedNames = new Map();
  readonly usedDeclarations: Set<Declaration>;
  readonly usedPlugins = new Set<string>();
  /** How deep the passes are in trees, over all bodies that wait for one another. */
  depth = 0;
  /** Gives the result of a callable that declares none, by checking its body first. */
  inferResult: (name: string) => Type = () => DYNAMIC;

  constructor(parts: {
    readonly table: TypeTable;
    readonly resolver: TypeResolver;
    readonly tables: CoreTables;
    readonly heads: ReadonlyMap<string, CallableHead>;
    readonly usedDeclarations: Set<Declaration>;
    /** Above all ids of expressions. */
    readonly idCount: number;
  }) {
    this.table = parts.table;
    this.resolver = parts.resolver;
    this.tables = parts.tables;
    this.heads = parts.heads;
    this.usedDeclarations = parts.usedDeclarations;
    // Of their full size at once: filled out of order, they would be kept as slow tables.
    this.types = new Array<Type>(parts.idCount);
    this.resolutions = new Array<Resolution>(parts.idCount);
  }

  resolveType(node: TypeNode, scope: ModuleScope): Type {
    return this.resolver.resolve(node, scope);
  }

  setType(expr: Expr, type: Type): Type {
    this.types[expr.id] = type;
    return type;
  }

  setResolution(expr: Expr, resolution: Resolution): void {
    this.resolutions[expr.id] = resolution;
  }

  typeOf(expr: Expr): Type {
    return this.types[expr.id] ?? DYNAMIC;
  }

  /** Undefined for what is not resolved. */
  resolutionOf(expr: Expr): Resolution | undefined {
    return this.resolutions[expr.id];
  }

  resultOf(name: string): Type {
    return this.heads.get(name)?.result ?? this.inferResult(name);
  }
}
