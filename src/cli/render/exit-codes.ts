import type { ExitCodes } from '../commands/exit-codes.ts';
import { renderTable } from './table.ts';
import type { View } from './view.ts';

export function render(data: ExitCodes, view: View): string {
  const rows = data.classes.map(({ code, name, meaning, advice }) => [code, name, meaning, advice]);
  return renderTable(['CODE', 'CLASS', 'MEANING', 'WHAT TO DO'], rows, view);
}
