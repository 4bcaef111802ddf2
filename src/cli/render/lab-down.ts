import type { LabDown } from '../commands/lab-down.ts';
import { escapeText } from './escape.ts';
import { renderPlanLines } from './lab.ts';
import type { View } from './view.ts';

export function render(data: LabDown, view: View): string {
  if (data.plan) return renderPlanLines(data.plan, view);
  const directory = escapeText(data.directory ?? '');
  return data.removed ? `the lab is down; ${directory} is removed` : `the lab is down; its files stay in ${directory}`;
}
