import type { VolumeGiveUp } from '../commands/array-volume-give-up.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render({ lun, consequence, dryRun, changed }: VolumeGiveUp, view: View): string {
  if (consequence === undefined) {
    return `${view.good('nothing to give up')}  LUN ${lun} is in no pair, or it is served, or will be without anything lost`;
  }
  const text = escapeText(consequence);
  if (dryRun) return `${view.faint('would be given up:')} ${text}`;
  return changed ? `${view.good('given up')}  ${text}` : `${view.good('already so')}  ${text}`;
}
