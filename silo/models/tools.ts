// Functions that models call while they answer.
import { checkValue } from '../../lib/index.ts';
import type { JsonValue } from '../../lib/lang/index.ts';
import { isPlainObject } from '../outbound/check-settings.ts';
import type { ToolCall } from './chat-answer.ts';
import type { ModelTool, ToolContext } from './model-options.ts';

/**
 * What the model is told: the result as JSON, or `{"error": …}` for what it can do better: an unknown tool, arguments that
 * are no object, a tool that threw. Never throws.
 */
export async function runTool(
  call: ToolCall,
  tools: readonly ModelTool[],
  context: ToolContext,
): Promise<string> {
  const tool = tools.find(({ name }) => name === call.name);
  if (tool === undefined)
    return told(`there is no tool ${call.name}; there are ${tools.map(nameOf).join(', ')}`);
  const args = argsOf(call.args);
  if (args === undefined) return told('the arguments have to be one JSON object');
  try {
    const result = await tool.run(args, context);
    return JSON.stringify(result ?? null);
  } catch (thrown) {
    return told(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function told(error: string): string {
  return JSON.stringify({ error });
}

function nameOf({ name }: ModelTool): string {
  return name;
}

function argsOf(text: string): Readonly<Record<string, JsonValue>> | undefined {
  if (text.trim() === '') return {};
  try {
    const parsed = checkValue(JSON.parse(text));
    return isPlainObject(parsed) ? (parsed as Readonly<Record<string, JsonValue>>) : undefined;
  } catch {
    return undefined; // the model is told, and may write it again
  }
}
