import type { ProcessName, ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import type { Change, Commit, MayName, Query } from './handler-types.ts';
import { showArray, listCommandDevices, listVolumes, queryRequest } from './array-queries.ts';
import { fenceGroup } from './fence.ts';
import { showJournal, showPairs } from './group-queries.ts';
import { createPair } from './pair-create.ts';
import { deletePair } from './pair-delete.ts';
import { resyncGroup, splitGroup } from './suspend-resume.ts';
import { swapGroup, takeOverGroup } from './role-change.ts';
import { acquireJournal, purgeJournal, restoreJournal } from './journal-commands.ts';

/** Process number to handler. The table is complete: a process without a handler is found by a test. */

function query<N extends ProcessName>(
  _process: N,
  handler: (core: ArrayCore, request: RequestOf<N>) => Promise<ReplyOf<N>>,
): Query {
  return handler as unknown as Query;
}

function change<N extends ProcessName>(
  _process: N,
  handler: (core: ArrayCore, request: RequestOf<N>, commit: Commit<ReplyOf<N>>, mayName: MayName) => Promise<void>,
): Change {
  return handler as unknown as Change;
}

export const QUERIES: Readonly<Partial<Record<ProcessName, Query>>> = {
  'array.show': query('array.show', showArray),
  'volume.list': query('volume.list', listVolumes),
  'command-device.list': query('command-device.list', listCommandDevices),
  'request.query': query('request.query', queryRequest),
  'pair.show': query('pair.show', showPairs),
  'journal.show': query('journal.show', showJournal),
};

export const CHANGES: Readonly<Partial<Record<ProcessName, Change>>> = {
  'pair.create': change('pair.create', createPair),
  'pair.fence': change('pair.fence', fenceGroup),
  'pair.split': change('pair.split', splitGroup),
  'pair.resync': change('pair.resync', resyncGroup),
  'pair.delete': change('pair.delete', deletePair),
  'pair.swap': change('pair.swap', swapGroup),
  'pair.takeover': change('pair.takeover', takeOverGroup),
  'journal.acquire': change('journal.acquire', acquireJournal),
  'journal.restore': change('journal.restore', restoreJournal),
  'journal.purge': change('journal.purge', purgeJournal),
};
