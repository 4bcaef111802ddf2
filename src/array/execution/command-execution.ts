import { describeViolation } from '../../base/violation.ts';
import { decodeMessage, encodeMessage } from '../../interface-block/message.ts';
import { processByNumber, type ProcessDefinition, type ProcessName } from '../../interface-block/process-table.ts';
import { STATUS } from '../../interface-block/status.ts';
import { joinInFlight } from '../command-device/in-flight.ts';
import { refusal } from '../command-device/request-table.ts';
import type { CommandOutcome, CommandRequest, ExecuteCommand } from '../command-device/types.ts';
import type { ArrayCore } from '../core.ts';
import { CommandRefusal } from '../refusal.ts';
import type { AnyMessage, Commit, MayName } from './handler-types.ts';
import { CHANGES, QUERIES } from './handlers.ts';

/**
 * The command execution section (703, S902): finds the process of a request, checks its input parameters, and answers.
 * A changing command is executed once, whatever arrives how often; its outcome, a refusal too, is durable before the
 * answer.
 */
export function createCommandExecution(core: ArrayCore): ExecuteCommand {
  async function execute(request: CommandRequest): Promise<CommandOutcome> {
    const outcome = await decide(request);
    // The array stops; the host asks again after its restart and learns from the log what became of the request.
    return core.store.hasFailed() ? new Promise<never>(() => undefined) : outcome;
  }

  async function decide(request: CommandRequest): Promise<CommandOutcome> {
    const process = processByNumber(request.process);
    if (!process)
      return refusal('unknown-process', `process number 0x${request.process.toString(16)} is not known here`);
    if (!process.changes) return executeQuery(process, request);
    const admission = core.store.requests.admit(request);
    return admission.kind === 'answer' ? admission.outcome : executeChange(process, request);
  }

  async function executeQuery(
    process: ProcessDefinition & { name: ProcessName },
    request: CommandRequest,
  ): Promise<CommandOutcome> {
    try {
      const query = QUERIES[process.name];
      if (!query) throw new Error(`process ${process.name} has no handler`);
      return succeeded(process, await query(core, decodeInput(process, request)));
    } catch (error) {
      return failed(error);
    }
  }

  async function executeChange(
    process: ProcessDefinition & { name: ProcessName },
    request: CommandRequest,
  ): Promise<CommandOutcome> {
    let outcome: CommandOutcome | undefined;
    const commit: Commit = async (change, reply) => {
      let decided: CommandOutcome | undefined;
      await core.store.update(change, (before, after) => {
        decided = succeeded(process, reply(before, after));
        return { request, outcome: decided };
      });
      outcome = decided;
    };
    const mayName: MayName = (group) => request.groups?.includes(group) ?? true;
    try {
      const handler = CHANGES[process.name];
      if (!handler) throw new Error(`process ${process.name} has no handler`);
      await handler(core, decodeInput(process, request), commit, mayName);
    } catch (error) {
      if (outcome) core.log(`after ${process.name}: ${String(error)}`);
      else return recordRefusal(request, failed(error));
    }
    return outcome ?? refusal('internal', `process ${process.name} ended without an answer`);
  }

  async function recordRefusal(request: CommandRequest, outcome: CommandOutcome): Promise<CommandOutcome> {
    try {
      await core.store.update(
        (state) => state,
        () => ({ request, outcome }),
      );
      return outcome;
    } catch (error) {
      return failed(error);
    }
  }

  function failed(error: unknown): CommandOutcome {
    if (error instanceof CommandRefusal && error.status !== 'ok') return refusal(error.status, error.message);
    core.log(`command failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    const isStorage = typeof error === 'object' && error !== null && 'code' in error;
    return refusal(isStorage ? 'storage-error' : 'internal', error instanceof Error ? error.message : String(error));
  }

  return joinInFlight(execute);
}

function decodeInput(process: ProcessDefinition, request: CommandRequest): AnyMessage {
  const result = decodeMessage(process.request, request.input);
  if (!result.ok) throw new CommandRefusal('bad-parameter', describeViolation(result.violation));
  return result.value;
}

function succeeded(process: ProcessDefinition, reply: AnyMessage): CommandOutcome {
  return { status: STATUS.ok, editedData: encodeMessage(process.reply, reply) };
}
