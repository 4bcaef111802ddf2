import type { RequestBlock } from '../../interface-block/block.ts';
import { processByNumber } from '../../interface-block/process-table.ts';
import { signatureNameOf } from '../../interface-block/signature.ts';
import { STATUS, statusName } from '../../interface-block/status.ts';
import { askedOf } from '../audit/asked.ts';
import type { AuditLog, NewEntry } from '../audit/audit-log.ts';
import { fitRecord } from '../audit/record.ts';
import type { RefusalRecords } from '../audit/refusal-records.ts';
import { refusal } from '../command-device/request-table.ts';
import type { CommandOutcome } from '../command-device/types.ts';
import type { AccessDescription } from './description.ts';
import { denialOf, groupOf, isSigned, reachedGroups, roleOf, type CommandOrigin } from './guard.ts';
import { narrowedAnswer } from './narrowed-answer.ts';
import type { SignatureFreshness } from './signature-freshness.ts';
import { askerOf, initiatorOf } from './visibility.ts';

/** What was written into a slot: who, the bytes, and what they say where they can be read. */
export interface Submission {
  readonly origin: CommandOrigin;
  readonly block: Uint8Array;
  readonly request: RequestBlock;
  /** The answer to a block that is torn, or meant for another array. */
  readonly unsound?: CommandOutcome;
}

/**
 * Every command goes through here: refused where access is not granted, and told to the audit before anything of it
 * happens. Never rejects.
 */
export type ConductCommand = (submission: Submission, carryOut: CarryOut) => Promise<CommandOutcome>;

/** A WRITE that a command device answers with CHECK CONDITION, since it is no interface block in a slot. */
export interface RefusedWrite {
  readonly origin: CommandOrigin;
  /** Sense key, ASC, ASCQ. */
  readonly sense: readonly [number, number, number];
  readonly why: string;
}

export interface CommandControl {
  readonly conduct: ConductCommand;
  /** Tells the audit, before the WRITE is answered. Never rejects. */
  refusedWrite(refused: RefusedWrite): Promise<void>;
}

/** `groups`: those of which the asker may be told; undefined: all. */
export type CarryOut = (groups: readonly string[] | undefined) => Promise<CommandOutcome>;

export interface ControlParts {
  /** Undefined: everybody may do everything. */
  readonly access: () => AccessDescription | undefined;
  readonly keyOf: (name: string) => Uint8Array | undefined;
  readonly freshness: Pick<SignatureFreshness, 'refusalOf'>;
  /** Absent where nothing is recorded (simulations). */
  readonly audit: AuditLog | undefined;
  /** Likewise. */
  readonly refusals: RefusalRecords | undefined;
  /** Whether the outcome of this request is recorded already. */
  readonly known: (requestId: string) => boolean;
  readonly log: (text: string) => void;
}

/** Bytes of a record that the words of a refusal may take. */
const WHY_LIMIT = 512;
/** Refusals that are kept, so that a late duplicate of a refused block is not executed once its writer was granted more. */
const DENIALS_KEPT = 1024;

export function createCommandControl(parts: ControlParts): CommandControl {
  const { access, keyOf, freshness, audit, refusals, known, log } = parts;
  const denied = new Map<string, CommandOutcome>();

  function denial({ origin, block, request, unsound }: Submission): CommandOutcome | undefined {
    if (unsound) return unsound;
    const description = access();
    // Before everything else: not even what its writer was told may be learned by writing again what was overheard.
    const stale = description && staleness(block);
    if (stale) return stale;
    const asker = denialNameOf(origin, block, request);
    const earlier = denied.get(asker);
    if (earlier) return earlier;
    const found = description && denialOf(description, keyOf, { origin, block, ...pick(request) });
    if (!found) return undefined;
    // A signature that is wrong may be anybody's: it must not speak for the holder of the key.
    if (found.status === STATUS['not-authenticated'] && signatureNameOf(block) !== undefined) return found;
    keep(denied, DENIALS_KEPT, asker, found);
    return found;
  }

  /** It refuses this block, not the request: that is signed anew, and then executed or answered as any other. */
  function staleness(block: Uint8Array): CommandOutcome | undefined {
    const keyName = signatureNameOf(block);
    return keyName !== undefined && isSigned(block, keyName, keyOf) ? freshness.refusalOf(block) : undefined;
  }

  function entryOf(event: NewEntry['event'], submission: Submission, outcome?: CommandOutcome): NewEntry {
    const { origin, block, request, unsound } = submission;
    const description = unsound ? undefined : access();
    const role = description && roleOf(description, keyOf, { origin, block, ...pick(request) });
    return { ...entryFor(event, submission, outcome), ...(role && { role }) };
  }

  async function refuse(submission: Submission, outcome: CommandOutcome): Promise<CommandOutcome> {
    try {
      await refusals?.refused(entryOf('refused', submission, outcome));
      return outcome;
    } catch (error) {
      log(`the audit lacks a refusal: ${String(error)}`);
      return refusal('storage-error', `refused, and the audit cannot be written: ${String(error)}`);
    }
  }

  async function change(submission: Submission, carryOut: CarryOut): Promise<CommandOutcome> {
    try {
      await audit?.append(entryOf('begun', submission));
    } catch (error) {
      return refusal('storage-error', `not executed, because the audit cannot be written: ${String(error)}`);
    }
    const outcome = await carryOut(reached(submission));
    // The outcome is durable with the tables; should it be missing here after a loss of power, the next start adds it.
    await audit?.note(entryOf('ended', submission, outcome)).catch((error: unknown) => log(`audit: ${String(error)}`));
    return outcome;
  }

  function reached({ origin, block, request }: Submission): readonly string[] | undefined {
    const description = access();
    return description && reachedGroups(description, keyOf, { origin, block, ...pick(request) });
  }

  async function answer(submission: Submission, carryOut: CarryOut): Promise<CommandOutcome> {
    const groups = reached(submission);
    const outcome = narrowedAnswer(submission.request.process, await carryOut(groups), groups);
    if (outcome.status === STATUS['request-reused']) return refuse(submission, outcome);
    if (!access()?.auditQueries) return outcome;
    try {
      await audit?.append(entryOf('answered', submission, outcome));
    } catch (error) {
      return refusal('storage-error', `not answered, because the audit cannot be written: ${String(error)}`);
    }
    return outcome;
  }

  return {
    async conduct(submission, carryOut) {
      const denying = denial(submission);
      if (denying) return refuse(submission, denying);
      const { process, requestId } = submission.request;
      const definition = processByNumber(process);
      const changes = definition?.changes === true && !known(requestId);
      return changes ? change(submission, carryOut) : answer(submission, carryOut);
    },
    async refusedWrite({ origin: { lun, nexus }, sense, why }) {
      const by = nexus === undefined ? {} : { initiator: initiatorOf(nexus), nexus };
      const words = sense.map((number) => number.toString(16)).join('/');
      const told = { lun, ...by, process: 'write', status: 'check-condition', sense: words, why };
      await refusals
        ?.refused({ event: 'refused', ...told })
        .catch((error: unknown) => log(`the audit lacks a refusal: ${String(error)}`));
    },
  };
}

/** The oldest goes when there are more than `limit`. */
function keep(kept: Map<string, CommandOutcome>, limit: number, name: string, outcome: CommandOutcome): void {
  kept.set(name, outcome);
  const [oldest] = kept.keys();
  if (kept.size > limit && oldest !== undefined) kept.delete(oldest);
}

/** A request id is no secret to those who share a command device: what one of them is refused binds nobody else. */
function denialNameOf({ nexus = '' }: CommandOrigin, block: Uint8Array, { requestId }: RequestBlock): string {
  return [requestId, signatureNameOf(block) ?? '', askerOf(nexus)].join(' ');
}

function pick({ process, input }: RequestBlock): Pick<RequestBlock, 'process' | 'input'> {
  return { process, input };
}

function entryFor(
  event: NewEntry['event'],
  { origin, block, request, unsound }: Submission,
  outcome?: CommandOutcome,
): NewEntry {
  const { nexus, lun } = origin;
  const { process, requestId, host, input } = request;
  const key = unsound ? undefined : signatureNameOf(block);
  const group = unsound ? undefined : groupOf(process, input);
  // What it was asked with is in the record of its beginning.
  const asked = unsound || event === 'ended' ? undefined : askedOf(process, input);
  const status = outcome && (statusName(outcome.status) ?? String(outcome.status));
  const refused = outcome !== undefined && outcome.status !== STATUS.ok;
  return {
    event,
    lun,
    ...(nexus !== undefined && { initiator: initiatorOf(nexus), nexus }),
    ...(key !== undefined && { key }),
    ...(host !== '' && { host }),
    process: processByNumber(process)?.name ?? `0x${process.toString(16).padStart(4, '0')}`,
    requestId,
    ...(group !== undefined && { group }),
    ...(asked !== undefined && { asked }),
    ...(status !== undefined && { status }),
    ...(refused && { why: fitRecord(new TextDecoder().decode(outcome.editedData), WHY_LIMIT) }),
  };
}
