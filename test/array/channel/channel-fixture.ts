import type { Clock } from '../../../src/base/clock.ts';
import { fromHex } from '../../../src/base/bytes.ts';
import type { Access, VolumeKind } from '../../../src/interface-block/process-table.ts';
import type { AllocationRun, LogicalUnit } from '../../../src/array/logical-unit.ts';
import {
  createDeviceServer,
  type ChannelDeviceServer,
  type DeviceServerParts,
} from '../../../src/array/channel/device-server.ts';
import type { SanitizeRequest, Sanitizer, SanitizeStatus } from '../../../src/array/sanitize/sanitizer.ts';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import type { ScsiReply } from '../../../src/scsi/task.ts';

/** A unit in memory that writes down what reached it. */
export interface MemoryUnit extends LogicalUnit {
  readonly content: Uint8Array;
  /** "read 5+2", "write 5+2", "write 5+2 fua", "flush", in the order in which they began. */
  readonly calls: string[];
  setAccess(access: Access): void;
}

export interface MemoryUnitOptions {
  readonly lun?: number;
  readonly kind?: VolumeKind;
  readonly blockSize?: number;
  readonly blockCount?: number;
  readonly read?: LogicalUnit['read'];
  readonly write?: LogicalUnit['write'];
  readonly prepare?: () => Promise<void>;
  /** Blocks can be given back; every block that was never written is. */
  readonly thin?: boolean;
  readonly removable?: boolean;
  readonly atomicWriteBlocks?: number;
  /** Its backing can be erased; what it answers is under the test's control. */
  readonly sanitize?: Sanitizer;
  /** It has CRYPTO ERASE. */
  readonly encrypted?: boolean;
}

/** Of a unit that has all commands. */
export const EVERYTHING = {
  thin: true,
  removable: true,
  atomicWriteBlocks: 64,
  encrypted: true,
  sanitize: {
    status: () => undefined,
    begin: async () => undefined,
    step: async () => undefined,
    exitFailure: async () => undefined,
  },
} as const;

/** The test says how far it is. */
export function sanitizerDouble() {
  const state = { status: undefined as SanitizeStatus | undefined, begun: [] as SanitizeRequest[] };
  let wake = (): void => undefined;
  const sanitizer: Sanitizer = {
    status: () => state.status,
    async begin(request) {
      state.begun.push(request);
      state.status = { state: 'running', progress: 0, allowExit: request.allowExit };
    },
    step: () => new Promise((resolve) => (wake = resolve)),
    async exitFailure() {
      state.status = undefined;
    },
  };
  const goOn = (status: SanitizeStatus | undefined): void => {
    state.status = status;
    wake();
  };
  return { state, sanitizer, goOn };
}

/** The thin unit of the double tells no more than this at a time, as it may. */
const RUNS_AT_A_TIME = 3;

function thinMethods(calls: string[], mapped: Set<number>, erase: (lba: number, count: number) => void) {
  return {
    deallocationGranularity: 8,
    async deallocate(lba: number, count: number) {
      calls.push(`deallocate ${lba}+${count}`);
      for (let block = lba; block < lba + count; block++) mapped.delete(block);
      erase(lba, count);
    },
    allocation(lba: number, count: number): AllocationRun[] {
      const runs: AllocationRun[] = [];
      for (let block = lba; block < lba + count && runs.length < RUNS_AT_A_TIME;) {
        let end = block + 1;
        while (end < lba + count && mapped.has(end) === mapped.has(block)) end++;
        runs.push({ lba: block, blockCount: end - block, mapped: mapped.has(block) });
        block = end;
      }
      return runs;
    },
  };
}

export function memoryUnit(options: MemoryUnitOptions = {}): MemoryUnit {
  const { lun = 0, kind = 'volume', blockSize = 512, blockCount = 64 } = options;
  const content = new Uint8Array(blockSize * Math.min(blockCount, 131_072));
  const calls: string[] = [];
  const mapped = new Set<number>();
  let access: Access = 'read-write';
  return {
    lun,
    kind,
    name: `unit ${lun}`,
    serial: `TOKYO01-${lun.toString(16).padStart(4, '0').toUpperCase()}`,
    worldWideName: fromHex(`600a0b80001122330000000000${lun.toString(16).padStart(6, '0')}`),
    blockSize,
    blockCount,
    content,
    calls,
    setAccess(next) {
      access = next;
    },
    access: () => access,
    ...(options.prepare ? { prepare: options.prepare } : {}),
    ...(options.removable ? { removable: true } : {}),
    ...(options.sanitize ? { sanitize: options.sanitize } : {}),
    ...(options.encrypted ? { encrypted: true } : {}),
    ...(options.atomicWriteBlocks ? { atomicWriteBlocks: options.atomicWriteBlocks } : {}),
    ...(options.thin
      ? thinMethods(calls, mapped, (lba, count) => content.fill(0, lba * blockSize, (lba + count) * blockSize))
      : {}),
    async read(lba, count) {
      calls.push(`read ${lba}+${count}`);
      if (options.read) return options.read(lba, count);
      return content.slice(lba * blockSize, (lba + count) * blockSize);
    },
    async write(lba, data, writeOptions) {
      calls.push(
        `write ${lba}+${data.length / blockSize}${writeOptions.forceUnitAccess ? ' fua' : ''}${writeOptions.atomic ? ' atomic' : ''}`,
      );
      if (options.write) return options.write(lba, data, writeOptions);
      content.set(data, lba * blockSize);
      for (let block = lba; block < lba + data.length / blockSize; block++) mapped.add(block);
    },
    async flush() {
      calls.push('flush');
    },
  };
}

/** No time passes: nobody has to be given a turn. */
const STILL: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  setTimer: () => ({ cancel: () => undefined }),
};

export interface SendOptions {
  readonly nexus?: string;
  readonly lun?: number;
  readonly data?: Uint8Array;
  /** Where it is not the length of `data`. */
  readonly announced?: number;
  /** Bytes of Data-In that the initiator takes; as many as there are where absent. */
  readonly room?: number;
  readonly signal?: AbortSignal;
}

export interface Reply extends ScsiReply {
  /** "5/24/00", or "status 18" for another status than CHECK CONDITION, or "good". */
  readonly verdict: string;
}

export interface Fixture {
  readonly server: ChannelDeviceServer;
  readonly units: MemoryUnit[];
  /** Nexus "a" has been told of power on already, on every unit. */
  readonly send: (cdb: Uint8Array | string, options?: SendOptions) => Promise<Reply>;
  /** Takes all unit attentions that are pending for the nexus. */
  readonly settle: (nexus: string) => Promise<void>;
}

export async function channelFixture(
  units: MemoryUnit[] = [memoryUnit()],
  parts: Partial<DeviceServerParts> = {},
): Promise<Fixture> {
  const server = createDeviceServer({
    units: { unit: (lun) => units.find((unit) => unit.lun === lun), all: () => units },
    clock: STILL,
    vendor: 'CDCTL',
    revision: '0.1',
    ...parts,
  });
  const fixture: Fixture = {
    server,
    units,
    async send(cdb, { nexus = 'a', lun = units[0]?.lun ?? 0, data = new Uint8Array(0), announced, room, signal } = {}) {
      const reply = await server.execute({
        nexus,
        lun: encodeLunField(lun),
        cdb: typeof cdb === 'string' ? fromHex(cdb.replaceAll(' ', '')) : cdb,
        dataOut: data,
        expectedDataOut: announced ?? data.length,
        expectedDataIn: room ?? 0xffffffff,
        get aborted() {
          return signal?.aborted ?? false;
        },
      });
      return { ...reply, verdict: verdictOf(reply) };
    },
    async settle(nexus) {
      for (const unit of units) {
        for (let pending = 8; pending > 0; pending--) {
          const { dataIn } = await fixture.send('030000001200', { nexus, lun: unit.lun });
          if (dataIn![2] !== 6) break;
        }
      }
    },
  };
  server.nexusOpened('a');
  await fixture.settle('a');
  return fixture;
}

function verdictOf(reply: ScsiReply): string {
  if (reply.status === 0) return 'good';
  const sense = reply.sense;
  if (reply.status !== 2 || !sense) return `status ${reply.status.toString(16)}`;
  const hex = (byte: number) => byte.toString(16).padStart(2, '0');
  return `${(sense[2]! & 0x0f).toString(16)}/${hex(sense[12]!)}/${hex(sense[13]!)}`;
}

/** Bytes that differ in every block and every position. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_unused, index) => (index * 31 + Math.floor(index / 512) * 7 + seed * 13) & 0xff);
}
