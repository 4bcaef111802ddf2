import type { ArrayCore } from '../core.ts';
import { checkHeader, PEER_TIMEOUT_MS } from '../group/follower.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import { HEADER_BLOCKS } from '../journal/geometry.ts';
import { olderCopyOf, olderCopyWords } from '../group/lives.ts';
import type { JournalHeader } from '../journal/header.ts';
import { CommandRefusal } from '../refusal.ts';
import type { MayName } from './handler-types.ts';

/** The header of the other array's journal, proved to belong to the group. Rejects with `LunError` or `PeerError`. */
export async function readPeerHeader(
  core: ArrayCore,
  group: { readonly name: string; readonly peerSerial: string; readonly peerJournalLun: number },
  { timeoutMs = PEER_TIMEOUT_MS, mayName }: { readonly timeoutMs?: number; readonly mayName?: MayName } = {},
): Promise<JournalHeader> {
  try {
    const lun = await core.remote.open(group.peerSerial, group.peerJournalLun);
    const bytes = await lun.read(0, HEADER_BLOCKS, { timeoutMs });
    return checkHeader(bytes, core.serial, group, mayName);
  } catch (error) {
    core.remote.forget(group.peerSerial, group.peerJournalLun);
    throw error;
  }
}

/** Whoever finds it out suspends the group too, or what the refusal advises would meet one that runs, and have nothing to do. */
export async function refuseOlderCopy(runtime: GroupRuntime, header: JournalHeader): Promise<void> {
  const group = runtime.state();
  const which = olderCopyOf(group, header);
  if (!which) return;
  await runtime.distrust(which);
  throw new CommandRefusal('unsafe', olderCopyWords(group, which));
}
