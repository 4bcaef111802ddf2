import type { MessageValue } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import type { ArrayState } from '../store/array-state.ts';

/** Headers and rows after the layouts have checked them; each handler states which process it answers. */
export type AnyMessage = MessageValue<Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>>;

/** Makes a change and its answer durable in one step; a changing handler calls it once. */
export type Commit<Reply = AnyMessage> = (
  change: (state: ArrayState) => ArrayState,
  reply: (before: ArrayState, after: ArrayState) => Reply,
) => Promise<void>;

export type Query = (core: ArrayCore, request: AnyMessage) => Promise<AnyMessage>;
export type Change = (core: ArrayCore, request: AnyMessage, commit: Commit, mayName: MayName) => Promise<void>;

/** Whether who asks may be told of this group, other than the one that the request names. */
export type MayName = (group: string) => boolean;

export const groupWords = (group: string, mayName: MayName): string =>
  mayName(group) ? `group ${group}` : 'another group';
