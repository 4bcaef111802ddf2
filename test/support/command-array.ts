import type { LogicalUnit } from '../../src/array/logical-unit.ts';
import { createCommandDevice } from '../../src/array/command-device/command-device.ts';
import { joinInFlight } from '../../src/array/command-device/in-flight.ts';
import { createRequestTable, refusal, type RememberedRequest } from '../../src/array/command-device/request-table.ts';
import type { CommandOutcome, CommandRequest } from '../../src/array/command-device/types.ts';
import type { Clock } from '../../src/base/clock.ts';
import { encodeReply } from '../../src/interface-block/message.ts';
import { processByNumber } from '../../src/interface-block/process-table.ts';

export interface CommandArray {
  /** The command device as it is now; another one after a restart. */
  device(): LogicalUnit;
  /** Request ids in the order in which they took effect: each stands there once, or the promise is broken. */
  readonly effects: string[];
  /** Everything that was executed, queries too. */
  readonly executed: CommandRequest[];
  /** Loses what is in memory; what took effect stays. */
  restart(): void;
}

export const GROUP_CHANGE = {
  changed: true,
  role: 'primary',
  state: 'pair',
  suspendReason: 'none',
  generation: '0123456789abcdef',
  sequence: 7,
  lba: 99,
} as const;

export interface CommandArrayParts {
  readonly clock: Clock;
  readonly serial?: string;
  readonly blockSize?: 512 | 4096;
  /** Answers queries, and says how changing commands end; by default they succeed. */
  readonly decide?: (request: CommandRequest) => Promise<CommandOutcome | undefined> | CommandOutcome | undefined;
  /** Requests remembered; the format's number where absent. */
  readonly limit?: number;
}

/** The real slot machine over an array core that only counts: durable request table, no volumes. */
export function createCommandArray(parts: CommandArrayParts): CommandArray {
  const durable: RememberedRequest[] = [];
  const effects: string[] = [];
  const executed: CommandRequest[] = [];
  let life = 0;
  let device = start();

  function start(): LogicalUnit {
    const table = createRequestTable({ entries: durable, ...(parts.limit !== undefined && { limit: parts.limit }) });
    const ownLife = life;
    async function execute(request: CommandRequest): Promise<CommandOutcome> {
      const process = processByNumber(request.process);
      if (!process) return refusal('unknown-process', `process number ${request.process} does not exist`);
      const admission = process.changes ? table.admit(request) : { kind: 'execute' as const };
      if (admission.kind === 'answer') return admission.outcome;
      executed.push(request);
      const decided = await parts.decide?.(request);
      if (life !== ownLife) return new Promise<never>(() => undefined);
      const outcome = decided ?? {
        status: 0,
        editedData: encodeReply('pair.split', { header: GROUP_CHANGE, rows: [] }),
      };
      if (!process.changes) return outcome;
      const entry = table.entryFor(request, outcome);
      durable.push(entry);
      if (table.remember(entry)) durable.shift();
      if (outcome.status === 0) effects.push(request.requestId);
      return outcome;
    }
    return createCommandDevice({
      lun: 0,
      name: 'cmd',
      serial: 'TOKYO0000',
      worldWideName: new Uint8Array(16),
      arraySerial: parts.serial ?? 'TOKYO',
      arrayName: 'tokyo',
      blockSize: parts.blockSize ?? 512,
      clock: parts.clock,
      commandNumber: () => table.commandNumber(),
      execute: joinInFlight(execute),
    });
  }

  return {
    device: () => device,
    effects,
    executed,
    restart() {
      life++;
      device = start();
    },
  };
}
