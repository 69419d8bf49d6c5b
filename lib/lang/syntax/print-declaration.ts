// Declarations, as text.
import type {
  CallableNode,
  ConfigParamNode,
  CoreMemberNode,
  CoreNode,
  FieldNode,
  InstanceNode,
  ItemNode,
  ModelsNode,
  Name,
  PipelineNode,
  PluginNode,
  SignatureNode,
  TestPartNode,
  TypeDeclNode,
} from './ast.ts';
import { type Member, pad } from './print-core.ts';
import { StatementPrinter } from './print-statement.ts';

export abstract class DeclarationPrinter extends StatementPrinter {
  protected item(item: ItemNode, indent: number): string {
    switch (item.kind) {
      case 'core':
        return this.#core(item, indent);
      case 'flow':
      case 'transformer':
      case 'evaluator':
        return this.#callable(item, indent);
      case 'pipeline':
        return this.#pipeline(item, indent);
      case 'types': {
        const decls = item.decls.map((decl) => this.#member(decl, (inner) => this.#typeDecl(decl, inner)));
        return `@types ${this.braces(item.span.start, decls, indent)}`;
      }
      case 'type_decl':
        return this.#typeDecl(item, indent);
      case 'plugin_interface': {
        const { is_pub, name, methods } = item;
        return `${pub(is_pub)}@plugin_interface ${name.text} ${this.#signatures(methods, name, indent)}`;
      }
      case 'core_interface': {
        const { is_pub, target, flows } = item;
        return `${pub(is_pub)}@core_interface ${target.text} ${this.#signatures(flows, target, indent)}`;
      }
      case 'test': {
        const parts = item.parts.map((part) => this.#member(part, (inner) => this.#testPart(part, inner)));
        const title = this.verbatim(item.title.span);
        return `@test ${title} ${this.braces(item.title.span.end, parts, indent)}`;
      }
    }
  }

  #member(node: { readonly span: Name['span'] }, print: (indent: number) => string): Member {
    return { ...node.span, print };
  }

  // ---- Flows and types ----

  #callable(node: CallableNode, indent: number): string {
    const { kind, is_pub, is_async, name, params, result, body } = node;
    const words = `${pub(is_pub)}${is_async ? 'async ' : ''}@${kind} ${name.text}`;
    const head = words + this.params(params, name.span.end, indent) + this.result(result, indent);
    return `${head} ${this.body(body, this.#headEnd(node), indent)}`;
  }

  #headEnd({ name, params, result }: Pick<CallableNode, 'name' | 'params' | 'result'>): number {
    return (result ?? params.at(-1) ?? name).span.end;
  }

  #pipeline(node: PipelineNode, indent: number): string {
    const { is_pub, name, params, result, body } = node;
    const head = `${pub(is_pub)}@pipeline ${name.text}${this.params(params, name.span.end, indent)}`;
    const line = this.#member(body, (inner) => this.expr(body, inner));
    return `${head}${this.result(result, indent)} ${this.braces(this.#headEnd(node), [line], indent)}`;
  }

  #typeDecl({ is_pub, name, type }: TypeDeclNode, indent: number): string {
    return `${pub(is_pub)}type ${name.text} = ${this.type(type, indent)}`;
  }

  #signatures(signatures: readonly SignatureNode[], head: Name, indent: number): string {
    const members = signatures.map((signature) =>
      this.#member(signature, (inner) => {
        const { name, params, result } = signature;
        return name.text + this.params(params, name.span.end, inner) + this.result(result, inner);
      }),
    );
    return this.braces(head.span.end, members, indent);
  }

  // ---- Tests ----

  #testPart(part: TestPartNode, indent: number): string {
    switch (part.kind) {
      case 'mock':
        return `@mock ${part.target.text} = ${this.fieldValue(part.value, indent, ' = ')}`;
      case 'given':
        return `@given ${this.body(part.body, part.span.start, indent)}`;
      case 'when': {
        const binding = part.binding ? `${part.binding.text} = ` : '';
        return `@when ${binding}${this.expr(part.call, indent)}`;
      }
      case 'then':
        return `@then ${this.conditions(part.checks, part.span.start, indent)}`;
      case 'property': {
        const params = this.params(part.params, part.span.start, indent);
        const headEnd = part.params.at(-1)?.span.end ?? part.span.start;
        return `@property ${params} ${this.conditions(part.checks, headEnd, indent)}`;
      }
    }
  }

  // ---- Cores ----

  #core({ is_pub, name, members }: CoreNode, indent: number): string {
    const printed = members.map((member) => this.#member(member, (inner) => this.#coreMember(member, inner)));
    return `${pub(is_pub)}@core ${name.text} ${this.braces(name.span.end, printed, indent)}`;
  }

  #coreMember(member: CoreMemberNode, indent: number): string {
    switch (member.kind) {
      case 'field':
        return this.field(member, indent, ' = ');
      case 'instance':
        return this.#instance(member, indent);
      case 'plugins': {
        const entries = member.entries.map((entry) =>
          this.#member(entry, (inner) => this.#plugin(entry, inner)),
        );
        return `@plugins ${this.braces(member.span.start, entries, indent)}`;
      }
      case 'models':
        return this.#models(member, indent);
      case 'memory':
      case 'reference':
        return `@${member.kind} ${this.braces(member.span.start, this.paramMembers(member.fields), indent)}`;
      case 'config': {
        const params = member.params.map((param) =>
          this.#member(param, (inner) => this.#configParam(param, inner)),
        );
        return `@config ${this.braces(member.span.start, params, indent)}`;
      }
      case 'constraints':
      case 'identity':
      case 'conversation_policy': {
        const { kind, name, fields, span } = member;
        const head = name ? `@${kind} ${name.text}` : `@${kind}`;
        return `${head} ${this.fields(fields, name?.span.end ?? span.start, indent)}`;
      }
      case 'triggers': {
        const entries = member.entries.map((entry) =>
          this.#member(entry, (inner) => {
            const { trigger, name, fields } = entry;
            return `@${trigger} ${name.text} ${this.fields(fields, name.span.end, inner)}`;
          }),
        );
        return `@triggers ${this.braces(member.span.start, entries, indent)}`;
      }
      case 'subscription': {
        const { event, source, fields } = member;
        return `@on ${event.text} from ${source.text} ${this.fields(fields, source.span.end, indent)}`;
      }
      default:
        return this.item(member, indent);
    }
  }

  #instance({ mode, args, fields, span }: InstanceNode, indent: number): string {
    let head = `instance = :${mode.text}`;
    if (args.length > 0) head += `(${args.map((arg) => this.field(arg, indent, ' = ')).join(', ')})`;
    const headEnd = args.at(-1)?.span.end ?? mode.span.end;
    return head + this.#settings(fields, headEnd, span.end, indent);
  }

  /** Fields in braces, if there are any. */
  #settings(fields: readonly FieldNode[], headEnd: number, end: number, indent: number): string {
    if (fields.length === 0 && !this.hasComment(headEnd, end)) return '';
    return ` ${this.fields(fields, headEnd, indent)}`;
  }

  #plugin({ alias, publisher, name, version, settings, span }: PluginNode, indent: number): string {
    const head = `${alias.text} = ${publisher.text}/${name.text}@${version.text}`;
    return head + this.#settings(settings, version.span.end, span.end, indent);
  }

  #models({ keyword, entries, span }: ModelsNode, indent: number): string {
    const members = entries.map(({ role, value, span: entrySpan }) =>
      this.#member({ span: entrySpan }, (inner) => `${role.text} = ${this.fieldValue(value, inner, ' = ')}`),
    );
    return `${keyword} ${this.braces(span.start, members, indent)}`;
  }

  #configParam(param: ConfigParamNode, indent: number): string {
    const { name, type, initial, modifiers, settings, span } = param;
    const value = initial ? ` = ${this.expr(initial, indent)}` : '';
    const words = modifiers.map(({ text }) => ` ${text}`).join('');
    const headEnd = (modifiers.at(-1) ?? initial ?? type).span.end;
    return `@param ${name.text}: ${this.type(type, indent)}${value}${words}${this.#settings(settings, headEnd, span.end, indent)}`;
  }

  // ---- Imports ----

  protected importLine({ path, specs, namespace }: ImportLine, indent: number): string {
    const from = this.slice(path.span);
    if (namespace) return `import ${from} as ${namespace.text}`;
    const names = specs.map(({ name, alias }) => (alias ? `${name.text} as ${alias.text}` : name.text));
    const flat = `import { ${names.join(', ')} } from ${from}`;
    const first = specs[0]?.span.start;
    const isShort = pad(indent).length + flat.length <= 100 && !this.hasComment(first ?? 0, path.span.start);
    if (first === undefined || isShort) return flat;
    const members = specs.map((spec, index): Member => ({ ...spec.span, print: () => names[index] ?? '' }));
    return `import {\n${this.lines(members, indent + 1, path.span.start, ',')}\n${pad(indent)}} from ${from}`;
  }
}

interface ImportLine {
  readonly path: Name;
  readonly specs: readonly { readonly name: Name; readonly alias?: Name; readonly span: Name['span'] }[];
  readonly namespace?: Name;
}

const pub = (is_pub: boolean): string => (is_pub ? 'pub ' : '');
