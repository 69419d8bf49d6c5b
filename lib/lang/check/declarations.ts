// Pass 1: what the files declare, and under which names. Owns names at file level (E114, E201, E208); knows nothing of
// types and bodies.
//   D1. A name of the entry file keeps its spelling; one of another file gets a number where it would collide.
import type { Diagnostic, Diagnostics, Report } from '../source/diagnostic.ts';
import type { SourceText } from '../source/source-text.ts';
import type {
  CallableNode,
  CoreInterfaceNode,
  CoreMemberNode,
  CoreNode,
  ImportNode,
  ItemNode,
  Name,
  PipelineNode,
  PluginInterfaceNode,
  TestNode,
  TypeDeclNode,
} from '../syntax/ast.ts';
import { brokenLines, brokenPlaces, isSyntaxError, withoutFollowUps } from './follow-ups.ts';
import { didYouMean } from '../source/nearest.ts';
import type { LoadedModule, LoadedProgram } from './resolve-modules.ts';

export interface ModuleScope {
  readonly module: LoadedModule;
  readonly report: Report;
  readonly names: Map<string, Declaration>;
  /** Names that an import should have brought but did not, already reported: their uses are not reported again. */
  readonly missingNames: Set<string>;
  /** Whether a place is in a declaration that could not be read as a whole: less is asked of it. */
  readonly isBroken: (at: number) => boolean;
}
export type Declaration =
  TypeDeclaration | CallableDeclaration | { readonly kind: 'namespace'; readonly scope: ModuleScope };
export interface TypeDeclaration {
  readonly kind: 'type';
  /** Unique in the program. */
  readonly name: string;
  readonly node: TypeDeclNode;
  readonly scope: ModuleScope;
}
export interface CallableDeclaration {
  readonly kind: 'callable';
  /** Unique in the program. */
  readonly name: string;
  readonly node: CallableNode | PipelineNode;
  readonly scope: ModuleScope;
}
export interface Import {
  readonly scope: ModuleScope;
  readonly local: Name;
  readonly declaration: Declaration;
}

export interface Declarations {
  readonly scopes: readonly ModuleScope[];
  readonly entry: ModuleScope;
  readonly core: CoreNode | undefined;
  readonly types: readonly TypeDeclaration[];
  readonly callables: readonly CallableDeclaration[];
  readonly pluginInterfaces: readonly { readonly node: PluginInterfaceNode; readonly scope: ModuleScope }[];
  readonly coreInterfaces: readonly { readonly node: CoreInterfaceNode; readonly scope: ModuleScope }[];
  readonly tests: readonly { readonly node: TestNode; readonly scope: ModuleScope }[];
  readonly imports: readonly Import[];
}

/** Reports a second declaration with a pointer to the first. */
export function reportDuplicate(
  report: Report,
  source: SourceText,
  name: Name,
  what: string,
  first?: Name,
): void {
  const related = first && [{ source, span: first.span, message: 'first declared here' }];
  report('E201', name.span, `${what} '${name.text}' is declared twice`, { related });
}

export function collectDeclarations(program: LoadedProgram, diagnostics: Diagnostics): Declarations {
  return new Collector(program, diagnostics).collect();
}

class Collector {
  readonly #program: LoadedProgram;
  readonly #diagnostics: Diagnostics;
  readonly #syntaxErrors: readonly Diagnostic[];
  readonly #scopes = new Map<LoadedModule, ModuleScope>();
  readonly #takenNames = { type: new Set<string>(), callable: new Set<string>() };
  readonly #types: TypeDeclaration[] = [];
  readonly #callables: CallableDeclaration[] = [];
  readonly #pluginInterfaces: { node: PluginInterfaceNode; scope: ModuleScope }[] = [];
  readonly #coreInterfaces: { node: CoreInterfaceNode; scope: ModuleScope }[] = [];
  readonly #tests: { node: TestNode; scope: ModuleScope }[] = [];
  readonly #imports: Import[] = [];
  #core: CoreNode | undefined = undefined;

  constructor(program: LoadedProgram, diagnostics: Diagnostics) {
    this.#program = program;
    this.#diagnostics = diagnostics;
    this.#syntaxErrors = diagnostics.all.filter(isSyntaxError);
  }

  collect(): Declarations {
    for (const module of this.#program.modules) this.#scopes.set(module, this.#newScope(module));
    const entry = this.#scopes.get(this.#program.entry) ?? this.#newScope(this.#program.entry);
    for (const scope of this.#scopes.values())
      for (const item of scope.module.file.items) this.#addItem(scope, item, scope === entry);
    for (const scope of this.#scopes.values()) this.#addImports(scope);
    return {
      scopes: [...this.#scopes.values()],
      entry,
      core: this.#core,
      types: this.#types,
      callables: this.#callables,
      pluginInterfaces: this.#pluginInterfaces,
      coreInterfaces: this.#coreInterfaces,
      tests: this.#tests,
      imports: this.#imports,
    };
  }

  #newScope(module: LoadedModule): ModuleScope {
    const { file } = module;
    const isBroken = brokenPlaces(file, this.#syntaxErrors);
    const all = this.#diagnostics.reportFor(file.source);
    const isLineBroken = brokenLines(file, this.#syntaxErrors);
    const report = withoutFollowUps(all, isBroken, isLineBroken, this.#syntaxErrors.length > 0);
    return { module, report, names: new Map(), missingNames: new Set(), isBroken };
  }

  #addItem(scope: ModuleScope, item: ItemNode | CoreMemberNode, isEntry: boolean): void {
    switch (item.kind) {
      case 'core':
        this.#addCore(scope, item, isEntry);
        return;
      case 'types':
        for (const node of item.decls) this.#addType(scope, node);
        return;
      case 'type_decl':
        this.#addType(scope, item);
        return;
      case 'flow':
      case 'transformer':
      case 'evaluator':
      case 'pipeline': {
        const name = this.#uniqueName('callable', item.name.text);
        const declaration: CallableDeclaration = { kind: 'callable', name, node: item, scope };
        this.#callables.push(declaration);
        this.#declare(scope, item.name, declaration);
        return;
      }
      case 'plugin_interface':
        this.#pluginInterfaces.push({ node: item, scope });
        return;
      case 'core_interface':
        this.#coreInterfaces.push({ node: item, scope });
        return;
      case 'test':
        this.#tests.push({ node: item, scope });
        return;
      default:
        // The other members of a core are no names of the file: check-core.ts looks at them.
        return;
    }
  }

  #addCore(scope: ModuleScope, node: CoreNode, isEntry: boolean): void {
    if (!isEntry) {
      const hint = 'move what is shared into a file without a core';
      scope.report('E114', node.name.span, 'only the entry file may have a core', { hint });
    } else if (this.#core)
      reportDuplicate(scope.report, scope.module.file.source, node.name, 'core', this.#core.name);
    else this.#core = node;
    for (const member of node.members) this.#addItem(scope, member, false);
  }

  #addType(scope: ModuleScope, node: TypeDeclNode): void {
    const name = this.#uniqueName('type', node.name.text);
    const declaration: TypeDeclaration = { kind: 'type', name, node, scope };
    this.#types.push(declaration);
    this.#declare(scope, node.name, declaration);
  }

  #uniqueName(space: 'type' | 'callable', wanted: string): string {
    const taken = this.#takenNames[space];
    let name = wanted;
    for (let number = 2; taken.has(name); number += 1) name = `${wanted}_${number}`;
    taken.add(name);
    return name;
  }

  #declare(scope: ModuleScope, name: Name, declaration: Declaration): void {
    const first = scope.names.get(name.text);
    if (first) {
      const firstName = first.kind === 'namespace' ? undefined : first.node.name;
      reportDuplicate(scope.report, scope.module.file.source, name, 'name', firstName);
      return;
    }
    scope.names.set(name.text, declaration);
  }

  #addImports(scope: ModuleScope): void {
    for (const node of scope.module.file.imports) {
      const module = scope.module.imports.get(node);
      const from = module && this.#scopes.get(module);
      if (!from) this.#addUnknown(scope, node);
      else if (node.namespace) this.#import(scope, node.namespace, { kind: 'namespace', scope: from });
      else this.#addSpecs(scope, node, from);
    }
  }

  #addSpecs(scope: ModuleScope, node: ImportNode, from: ModuleScope): void {
    for (const { name, alias } of node.specs) {
      const declaration = from.names.get(name.text);
      if (declaration && isExported(declaration, from)) this.#import(scope, alias ?? name, declaration);
      else {
        const why = declaration
          ? `'${name.text}' is not 'pub' in '${node.path.text}'`
          : `'${node.path.text}' has no '${name.text}'`;
        scope.report('E208', name.span, why, didYouMean(name.text, exportedNames(from)));
        scope.missingNames.add((alias ?? name).text);
      }
    }
  }

  #import(scope: ModuleScope, local: Name, declaration: Declaration): void {
    this.#declare(scope, local, declaration);
    this.#imports.push({ scope, local, declaration });
  }

  #addUnknown(scope: ModuleScope, node: ImportNode): void {
    const names = scope.missingNames;
    if (node.namespace) names.add(node.namespace.text);
    for (const { name, alias } of node.specs) names.add((alias ?? name).text);
  }
}

/** What other files may see of a name: `pub`, and declared there rather than imported. */
export function isExported(declaration: Declaration, scope: ModuleScope): boolean {
  return declaration.kind !== 'namespace' && declaration.scope === scope && declaration.node.is_pub;
}

export function* exportedNames(scope: ModuleScope): Generator<string> {
  for (const [name, declaration] of scope.names) if (isExported(declaration, scope)) yield name;
}
