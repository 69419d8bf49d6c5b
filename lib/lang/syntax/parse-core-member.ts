// @core and what stands in it.
import type {
  ConfigNode,
  ConfigParamNode,
  CoreMemberNode,
  CoreNode,
  FieldNode,
  InstanceNode,
  ModelsNode,
  Name,
  PluginNode,
  PluginsNode,
  SettingsNode,
  StoreNode,
  SubscriptionNode,
  TriggerNode,
  TriggersNode,
} from './ast.ts';
import { FIELD_RULES, INSTANCE_MODES } from './block-fields.ts';
import { AT as AT_WORDS, atNameOf, MODIFIER_WORDS, TRIGGER_WORDS } from './keywords.ts';
import { DeclarationParser, type Modifiers } from './parse-declaration.ts';
import { AT_FIRST, T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

export abstract class CoreParser extends DeclarationParser {
  /** A flow, a type and the like; undefined if there is none here. */
  protected abstract item(): CoreMemberNode | undefined;

  protected core({ start, is_pub }: Modifiers): CoreNode {
    const word = this.spanAt(this.pos);
    this.advance();
    const name = this.declaredTypeName('a core') ?? this.missingName();
    const open = this.pos;
    const members: CoreMemberNode[] = [];
    if (this.openBody(`'${name.text}'`)) {
      while (this.kind !== T.RBrace && this.kind !== T.Eof && this.kind !== AT.core) {
        const before = this.pos;
        const member = this.member();
        if (member) members.push(member);
        if (this.isPanicking) this.#recover(before);
        else this.eat(T.Comma);
        if (this.pos === before) this.advance();
      }
      const fields = members.flatMap((member) => (member.kind === 'field' ? [member] : []));
      this.checkTwice(fields);
      const names = fields.map((field) => field.name);
      this.checkFields(FIELD_RULES.core, names, word);
      this.close(T.RBrace, open);
    }
    return { kind: 'core', span: this.spanFrom(start), is_pub, name, members };
  }

  /** To the next member: here a declaration is one. */
  #recover(memberStart: number): void {
    this.recoverInBody(memberStart);
    if (this.kind !== AT.core) this.isPanicking = false;
  }

  protected member(): CoreMemberNode | undefined {
    const { start, kind } = this;
    if (kind === T.Instance) return this.#instance(start);
    if (kind === T.Ident) return this.field('a field of @core');
    switch (kind) {
      case AT.plugins:
        return this.#plugins(start);
      case AT.models:
      case AT.llm:
        return this.#models(start);
      case AT.memory:
      case AT.reference:
        return this.#store(start, kind === AT.memory ? 'memory' : 'reference');
      case AT.config:
        return this.#config(start);
      case AT.constraints:
      case AT.identity:
      case AT.conversation_policy:
        return this.#settings(start);
      case AT.triggers:
        return this.#triggers(start);
      case AT.on:
        return this.#subscription(start);
      default:
    }
    const item = this.item();
    if (!item && !this.isPanicking) {
      const code = kind >= AT_FIRST ? 'E114' : 'E100';
      this.fail(code, `unexpected ${this.describe(this.pos)} in @core`, this.#memberHint());
    }
    return item;
  }

  #memberHint(): string | undefined {
    if (TRIGGER_WORDS.has(this.kind)) return 'triggers stand in @triggers { … }';
    if (this.kind === AT.param) return 'parameters stand in @config { … }';
    return undefined;
  }

  #instance(start: number): InstanceNode | undefined {
    this.advance();
    if (!this.#assigns("'instance'")) return undefined;
    const mode = this.#mode();
    if (!mode) return undefined;
    const args = this.kind === T.LParen && !this.isLineStart ? this.headOptions('instance') : [];
    const fields = this.kind === T.LBrace && !this.isLineStart ? this.fieldBlock('instance') : [];
    const names = [...args, ...fields].map(({ name }) => name);
    this.checkFields(FIELD_RULES.instance, names, mode.span);
    return { kind: 'instance', span: this.spanFrom(start), mode, args, fields };
  }

  #mode(): Name | undefined {
    if (this.kind !== T.Symbol) {
      const hint = 'write :stateless, :entity(key = "…") or :singleton';
      this.fail('E101', `expected a mode, found ${this.describe(this.pos)}`, hint);
      return undefined;
    }
    const span = this.spanAt(this.pos);
    const mode = { text: this.text.slice(span.start + 1, span.end), span };
    this.advance();
    this.checkOneOf(mode, INSTANCE_MODES, 'mode');
    return mode;
  }

  /** `=`; `:` is taken too where no type can follow. */
  #assigns(of: string): boolean {
    return this.eat(T.Colon) || this.expect(T.Eq, `after ${of}`);
  }

  #plugins(start: number): PluginsNode {
    this.advance();
    const entries = this.openBody('@plugins') ? this.list(T.RBrace, 'in @plugins', () => this.#plugin()) : [];
    return { kind: 'plugins', span: this.spanFrom(start), entries };
  }

  #plugin(): PluginNode | undefined {
    const { start } = this;
    const alias = this.declaredName("a plugin's alias");
    if (!alias || !this.expect(T.Eq, `and a plugin after '${alias.text}'`)) return undefined;
    if (!this.is(T.PluginRef)) {
      const hint = 'plugins are written publisher/name@1.0';
      this.fail('E113', `expected a plugin, found ${this.describe(this.pos)}`, hint);
      // Its alias is known: calls of it are no mistakes of their own.
      const none = { text: '', span: this.spanAt(this.pos) };
      const span = this.spanFrom(start);
      return { kind: 'plugin', span, alias, publisher: none, name: none, version: none, settings: [] };
    }
    const [publisher, name, version] = this.#pluginRef();
    const settings = this.kind === T.LBrace && !this.isLineStart ? this.fieldBlock(`'${alias.text}'`) : [];
    return { kind: 'plugin', span: this.spanFrom(start), alias, publisher, name, version, settings };
  }

  #pluginRef(): readonly [Name, Name, Name] {
    const { start, end } = this.spanAt(this.pos);
    const slash = this.text.indexOf('/', start);
    const at = this.text.indexOf('@', slash);
    this.advance();
    const part = (from: number, to: number): Name => ({
      text: this.text.slice(from, to),
      span: { start: from, end: to },
    });
    return [part(start, slash), part(slash + 1, at), part(at + 1, end)];
  }

  #models(start: number): ModelsNode {
    const keyword = this.kind === AT.llm ? '@llm' : '@models';
    this.advance();
    const entries = this.openBody(keyword) ? this.list(T.RBrace, `in ${keyword}`, () => this.#model()) : [];
    this.checkTwice(entries.map(({ role }) => ({ name: role })));
    return { kind: 'models', span: this.spanFrom(start), keyword, entries };
  }

  #model(): ModelsNode['entries'][number] | undefined {
    const { start } = this;
    const role = this.declaredName('a model');
    if (!role || !this.#assigns(`'${role.text}'`)) return undefined;
    if (this.kind !== T.LBrace) {
      const hint = 'write { model = "…" }';
      this.fail('E104', `expected the fields of the model, found ${this.describe(this.pos)}`, hint);
      return undefined;
    }
    const value = this.object();
    const names = value.fields.map(({ name }) => name);
    this.checkFields(FIELD_RULES.model, names, role.span);
    return { role, value, span: this.spanFrom(start) };
  }

  #store(start: number, kind: StoreNode['kind']): StoreNode {
    this.advance();
    const fields = this.openBody(`@${kind}`)
      ? this.list(T.RBrace, `in @${kind}`, () => {
          const fieldStart = this.start;
          const name = this.fieldName(`a field of @${kind}`);
          return name && this.typed(fieldStart, name, false);
        })
      : [];
    return { kind, span: this.spanFrom(start), fields };
  }

  #config(start: number): ConfigNode {
    this.advance();
    const params = this.openBody('@config') ? this.#markedList('in @config', () => this.#configParam()) : [];
    return { kind: 'config', span: this.spanFrom(start), params };
  }

  /** Members that begin with an `@word`, to which a list of fields would not return after a mistake. */
  #markedList<N>(what: string, member: () => N | undefined): N[] {
    const open = this.pos - 1;
    const members: N[] = [];
    while (this.kind !== T.RBrace && this.kind !== T.Eof && !this.beginsItem(this.pos)) {
      const before = this.pos;
      const found = member();
      if (found !== undefined) members.push(found);
      if (this.isPanicking) this.recoverInBody(before);
      else if (this.kind !== T.RBrace && !this.isLineStart && this.kind < AT_FIRST && !this.eat(T.Comma)) {
        this.fail('E100', `unexpected ${this.describe(this.pos)} ${what}`);
        this.recoverInBody(before);
      }
      if (this.pos === before) this.advance();
    }
    this.close(T.RBrace, open);
    return members;
  }

  #configParam(): ConfigParamNode | undefined {
    const { start } = this;
    if (!this.eat(AT.param)) {
      const word = MODIFIER_WORDS.has(this.kind) ? ` ${this.textAt(this.pos)}` : '';
      const hint = `write @param name: T = default${word}`;
      this.fail('E101', `expected '@param', found ${this.describe(this.pos)}`, hint);
      return undefined;
    }
    const declared = this.declaredName('a parameter');
    const param = declared && this.typed(start, declared, true);
    if (!param) return undefined;
    const modifiers: Name[] = [];
    while (MODIFIER_WORDS.has(this.kind)) {
      const { span } = this.takeName();
      modifiers.push({ text: this.text.slice(span.start, span.end), span });
    }
    const settings =
      this.kind === T.LBrace && !this.isLineStart ? this.fieldBlock(`'${param.name.text}'`) : [];
    const { name, type, initial } = param;
    const span = this.spanFrom(start);
    return { kind: 'config_param', span, name, type, ...(initial && { initial }), modifiers, settings };
  }

  #settings(start: number): SettingsNode {
    const kind = atNameOf(this.kind) as SettingsNode['kind'];
    const word = this.spanAt(this.pos);
    this.advance();
    const isNamed = kind === 'conversation_policy' && this.kind !== T.LBrace;
    const name = isNamed ? this.declaredName('the policy') : undefined;
    const fields = this.fieldBlock(`@${kind}`);
    const names = fields.map((field) => field.name);
    if (kind !== 'conversation_policy') this.checkFields(FIELD_RULES[kind], names, word);
    return { kind, span: this.spanFrom(start), ...(name && { name }), fields };
  }

  #triggers(start: number): TriggersNode {
    this.advance();
    const entries = this.openBody('@triggers') ? this.#markedList('in @triggers', () => this.#trigger()) : [];
    return { kind: 'triggers', span: this.spanFrom(start), entries };
  }

  #trigger(): TriggerNode | undefined {
    const { start, kind } = this;
    if (!TRIGGER_WORDS.has(kind)) {
      const isOn = kind === AT.on;
      const hint = isOn
        ? '@on stands directly in @core'
        : 'there are @api, @webhook, @schedule and @internal';
      this.fail(isOn ? 'E114' : 'E101', `expected a trigger, found ${this.describe(this.pos)}`, hint);
      return undefined;
    }
    const trigger = atNameOf(kind) as TriggerNode['trigger'];
    const word = this.spanAt(this.pos);
    this.advance();
    const rest = trigger === 'schedule' ? 'flow = f, cron = "0 8 * * *"' : 'flow = f';
    const name = this.declaredName('a trigger', `write @${trigger} name { ${rest} }`);
    if (!name) return undefined;
    const fields = this.fieldBlock(`@${trigger}`);
    this.#checkFieldNames(trigger, fields, word);
    return { kind: 'trigger', span: this.spanFrom(start), trigger, name, fields };
  }

  #checkFieldNames(rules: keyof typeof FIELD_RULES, fields: readonly FieldNode[], at: Name['span']): void {
    const names = fields.map(({ name }) => name);
    this.checkFields(FIELD_RULES[rules], names, at);
  }

  #subscription(start: number): SubscriptionNode | undefined {
    const word = this.spanAt(this.pos);
    this.advance();
    const event = this.declaredName('an event');
    if (!event) return undefined;
    if (!this.eat(T.From) || this.kind !== T.Uri) {
      const hint = `write @on ${event.text} from core://tenant/name { flow = … }`;
      this.fail('E101', `expected 'from' and the address of a Core, found ${this.describe(this.pos)}`, hint);
      return undefined;
    }
    const source = this.coreUri();
    const fields = this.fieldBlock('@on');
    this.#checkFieldNames('subscription', fields, word);
    return { kind: 'subscription', span: this.spanFrom(start), event, source, fields };
  }
}
