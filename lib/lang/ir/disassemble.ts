// IR as text for people: one line a block or statement, with what is inside of it below. Golden files are made of it.
import { typeSource } from '../types/print-type.ts';
import type {
  IRBindings,
  IRBlock,
  IRBlockArm,
  IRExpr,
  IRFlow,
  IRLambda,
  IRModule,
  IRPattern,
  IRStmt,
} from './ir.ts';

export function disassemble(module: IRModule): string {
  const { mode, ...bounds } = module.instance;
  const lines = [`core ${module.name} ${module.version} (IR ${module.schema_version})`];
  lines.push(`  instance ${mode}${Object.keys(bounds).length > 0 ? ` ${JSON.stringify(bounds)}` : ''}`);
  for (const [name, type] of Object.entries(module.types)) lines.push(`  type ${name} = ${typeSource(type)}`);
  for (const [name, type] of Object.entries(module.memory))
    lines.push(`  memory ${name}: ${typeSource(type)}`);
  for (const [name, type] of Object.entries(module.reference))
    lines.push(`  reference ${name}: ${typeSource(type)}`);
  for (const { name, type, default: given } of module.config)
    lines.push(
      `  config ${name}: ${typeSource(type)}${given === undefined ? '' : ` = ${JSON.stringify(given)}`}`,
    );
  for (const [role, { provider, model }] of Object.entries(module.models))
    lines.push(`  model ${role} = ${provider}/${model}`);
  for (const { alias, publisher, name, version } of module.plugins)
    lines.push(`  plugin ${alias} = ${publisher}/${name}@${version}`);
  for (const { kind, name, target_flow } of module.triggers)
    lines.push(`  ${kind} ${name} -> ${target_flow}`);
  for (const { event, source_core, target_flow } of module.subscriptions)
    lines.push(`  on ${event} from ${source_core} -> ${target_flow}`);
  for (const flow of [...module.flows, ...module.functions]) lines.push('', ...flowLines(flow));
  return `${lines.join('\n')}\n`;
}

export function flowLines(flow: IRFlow): string[] {
  const params = flow.params.map(
    ({ name, type, default: given }) => `${name}: ${typeSource(type)}${given ? ` = ${exprText(given)}` : ''}`,
  );
  const head = `${flow.role} ${flow.name}(${params.join(', ')}): ${typeSource(flow.return_type)}`;
  return [head, ...below(blocksLines(flow.body))];
}

function below(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function blocksLines(blocks: readonly IRBlock[]): string[] {
  return blocks.flatMap(blockLines);
}

function blockLines(block: IRBlock): string[] {
  const binding = typeof block.result_binding === 'string' ? `${block.result_binding} = ` : '';
  return [`${binding}${blockHead(block)}`, ...below(blockBody(block))];
}

function blockHead(block: IRBlock): string {
  switch (block.kind) {
    case 'rigid':
      return block.implicit === true ? 'do' : 'rigid';
    case 'flexible':
    case 'guarded':
      return `${block.kind} ${block.llm_role ?? '(default)'}: ${typeSource(block.output_type)}`;
    case 'model_call':
      return `model_call ${block.modality} ${block.llm_role ?? '(default)'}: ${typeSource(block.output_type)}`;
    case 'parallel':
      return `parallel${block.max_concurrent === undefined ? '' : ` max ${block.max_concurrent}`}${block.fail_fast ? '' : ' wait for all'}`;
    case 'foreach': {
      const names = block.index === undefined ? block.item : `${block.item}, ${block.index}`;
      const most = block.max_concurrent === undefined ? '' : ` max ${block.max_concurrent}`;
      return `foreach ${names} in ${exprText(block.iterable)}${most}`;
    }
    case 'while':
      return `while ${exprText(block.condition)} max ${block.max_iterations}${block.is_lenient === true ? ' lenient' : ''}`;
    case 'match':
      return `match ${exprText(block.subject)}`;
    case 'checkpoint':
      return `checkpoint ${block.checkpoint_type}`;
    case 'core_call':
      return `core_call ${block.target}${block.flow_name === undefined ? '' : ` ${block.flow_name}`}${block.is_async ? ' async' : ''}`;
    case 'await_responses':
      return `await ${block.mode} ${block.handles.map(exprText).join(', ')}`;
    case 'budget':
      return `budget ${JSON.stringify(block.limits)}`;
    case 'debug':
    case 'try':
      return block.kind;
  }
}

function blockBody(block: IRBlock): string[] {
  switch (block.kind) {
    case 'rigid':
    case 'debug':
      return stmtsLines(block.statements);
    case 'flexible':
    case 'guarded':
      return [
        `goal ${exprText(block.goal)}`,
        `input ${bindingsText(block.input_bindings)}`,
        ...(Object.keys(block.context_bindings).length > 0
          ? [`context ${bindingsText(block.context_bindings)}`]
          : []),
        ...(block.guidance ? [`guidance ${exprText(block.guidance)}`] : []),
        ...(block.identity_ref ? [`identity ${exprText(block.identity_ref)}`] : []),
        ...(block.constraints ? [`constraints ${JSON.stringify(block.constraints)}`] : []),
        ...(block.examples ?? []).map(
          ({ input, output }) => `example ${exprText(input)} -> ${exprText(output)}`,
        ),
        ...(block.on_failure ?? []).map(({ failure, actions }) => `on ${failure} ${JSON.stringify(actions)}`),
        ...(block.budget ? [`budget ${JSON.stringify(block.budget)}`] : []),
        ...(block.guard ?? []).map((each) => `guard ${exprText(each)}`),
        ...(block.validate ?? []).map((each) => `validate ${exprText(each)}`),
        ...(block.on_validation_failure
          ? ['on validation failure', ...below(blocksLines(block.on_validation_failure))]
          : []),
      ];
    case 'model_call':
      return [`input ${bindingsText(block.input_bindings)}`, `params ${bindingsText(block.params)}`];
    case 'parallel':
      return block.branches.flatMap(({ name, body }) => [
        `branch ${name ?? ''}`.trimEnd(),
        ...below(blocksLines(body)),
      ]);
    case 'foreach':
    case 'budget':
      return blocksLines(block.body);
    case 'while':
      return [
        ...(block.prepare ? ['before', ...below(stmtsLines(block.prepare))] : []),
        ...blocksLines(block.body),
      ];
    case 'match':
      return armsLines(block.arms);
    case 'try':
      return [
        ...blocksLines(block.body),
        ...block.catches.flatMap(({ error_type, binding, body }) => [
          `catch ${error_type ?? 'any'}${binding === undefined ? '' : ` as ${binding}`}`,
          ...below(blocksLines(body)),
        ]),
      ];
    case 'checkpoint':
      return [
        ...(
          [
            'prompt',
            'present',
            'options',
            'timeout',
            'on_timeout',
            'hitl_target',
            'assignee',
            'priority',
          ] as const
        ).flatMap((name) => {
          const value = block[name];
          return value ? [`${name} ${exprText(value)}`] : [];
        }),
        ...armsLines(block.on_response ?? []),
      ];
    case 'core_call':
      return [
        `input ${bindingsText(block.input_bindings)}`,
        ...(block.instance_key ? [`key ${exprText(block.instance_key)}`] : []),
        ...(block.timeout ? [`timeout ${exprText(block.timeout)}`] : []),
      ];
    case 'await_responses':
      return block.timeout ? [`timeout ${exprText(block.timeout)}`] : [];
  }
}

function armsLines(arms: readonly IRBlockArm[]): string[] {
  return arms.flatMap(({ pattern, guard, body, value }) => [
    `${patternText(pattern)}${guard ? ` if ${exprText(guard)}` : ''} =>${value ? ` ${exprText(value)}` : ''}`,
    ...below(blocksLines(body)),
  ]);
}

function stmtsLines(stmts: readonly IRStmt[]): string[] {
  return stmts.flatMap(stmtLines);
}

function stmtLines(stmt: IRStmt): string[] {
  const into =
    'result_binding' in stmt && stmt.result_binding !== undefined ? `${stmt.result_binding} = ` : '';
  switch (stmt.kind) {
    case 'assign': {
      const path = (stmt.target.path ?? []).map((step) =>
        typeof step === 'string' ? `.${step}` : `[${exprText(step)}]`,
      );
      return [`${stmt.target.name}${path.join('')} = ${exprText(stmt.value)}`];
    }
    case 'expression':
      return [`${into}${exprText(stmt.expression)}`];
    case 'plugin_call':
      return [`${into}plugin ${stmt.plugin}.${stmt.method}(${argsText(stmt.args, stmt.named_args)})`];
    case 'memory_op':
      return [`${into}memory.${stmt.field} ${stmt.op}(${argsText(stmt.args, stmt.named_args)})`];
    case 'reference_search':
      return [`${into}reference.${stmt.field} search(${argsText([], stmt.named_args)})`];
    case 'flow_call':
      return [`${into}call ${stmt.flow}(${argsText(stmt.args)})`];
    case 'host_call':
      return [`${into}host ${stmt.name}(${argsText(stmt.args)})`];
    case 'if':
      return [
        `if ${exprText(stmt.condition)}`,
        ...below(stmtsLines(stmt.then)),
        ...(stmt.otherwise ? ['else', ...below(stmtsLines(stmt.otherwise))] : []),
      ];
    case 'match':
      return [
        `match ${exprText(stmt.subject)}`,
        ...below(
          stmt.arms.flatMap(({ pattern, guard, body }) => [
            `${patternText(pattern)}${guard ? ` if ${exprText(guard)}` : ''} =>`,
            ...below(stmtsLines(body)),
          ]),
        ),
      ];
    case 'return':
      return [stmt.value ? `return ${exprText(stmt.value)}` : 'return'];
    case 'yield':
      return [`yield ${exprText(stmt.value)}`];
    case 'break':
    case 'continue':
      return [stmt.kind];
    case 'emit':
      return [`emit ${stmt.event} ${bindingsText(stmt.fields)}`];
    case 'block':
      return blockLines(stmt.block);
  }
}

function argsText(args: readonly (IRExpr | IRLambda | null)[], named: IRBindings = {}): string {
  const positional = args.map((arg) => (arg ? valueText(arg) : '_'));
  return [
    ...positional,
    ...Object.entries(named).map(([name, value]) => `${name} = ${exprText(value)}`),
  ].join(', ');
}

function bindingsText(bindings: IRBindings): string {
  const fields = Object.entries(bindings).map(([name, value]) => `${name}: ${exprText(value)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

function valueText(value: IRExpr | IRLambda): string {
  return value.kind === 'lambda'
    ? `(${value.params.join(', ')}) => ${exprText(value.body)}`
    : exprText(value);
}

/** With parentheses around everything that has an operator. */
export function exprText(expr: IRExpr): string {
  switch (expr.kind) {
    case 'literal':
      return JSON.stringify(expr.value);
    case 'symbol':
      return `:${expr.name}`;
    case 'ref':
      return expr.name;
    case 'config':
      return `config.${expr.name}`;
    case 'reference':
      return `reference.${expr.field}`;
    case 'identity':
      return 'core.identity';
    case 'field':
      return `${exprText(expr.object)}.${expr.name}`;
    case 'index':
      return `${exprText(expr.object)}[${exprText(expr.index)}]`;
    case 'call':
      return `${expr.function}(${argsText(expr.args)})`;
    case 'pure_call':
      return `pure ${expr.flow}(${argsText(expr.args)})`;
    case 'method': {
      const call = expr.args ? `(${argsText(expr.args)})` : '';
      return `${exprText(expr.receiver)}.${expr.on}:${expr.name}${call}`;
    }
    case 'binary':
      return `(${exprText(expr.left)} ${expr.op}${expr.operands === 'any' ? '' : `'${expr.operands}`} ${exprText(expr.right)})`;
    case 'unary':
      return `${expr.op}${exprText(expr.value)}`;
    case 'list':
      return `[${expr.items.map(exprText).join(', ')}]`;
    case 'object':
      return `{ ${expr.fields.map(({ name, value }) => `${name}: ${exprText(value)}`).join(', ')} }`;
    case 'template':
      return `"${expr.parts.map((part) => (typeof part === 'string' ? part : `\${${exprText(part)}}`)).join('')}"`;
    case 'conditional':
      return `(if ${exprText(expr.condition)} then ${exprText(expr.then)} else ${exprText(expr.otherwise)})`;
    case 'match': {
      const arms = expr.arms.map(
        ({ pattern, guard, value }) =>
          `${patternText(pattern)}${guard ? ` if ${exprText(guard)}` : ''} => ${exprText(value)}`,
      );
      return `(match ${exprText(expr.subject)} { ${arms.join('; ')} })`;
    }
  }
}

function patternText(pattern: IRPattern): string {
  switch (pattern.kind) {
    case 'literal':
      return JSON.stringify(pattern.value);
    case 'any':
      return '_';
    case 'or':
      return pattern.options.map(patternText).join(' | ');
    case 'object':
      return `{ ${pattern.fields.map((field) => (field.pattern ? `${field.name}: ${patternText(field.pattern)}` : field.name)).join(', ')} }`;
  }
}
