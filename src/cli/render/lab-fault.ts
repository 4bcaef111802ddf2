import type { LabUp } from '../commands/lab-up.ts';
import { renderArrays, renderPlanLines } from './lab.ts';
import type { View } from './view.ts';

export function render(data: LabUp, view: View): string {
  if (data.plan) return renderPlanLines(data.plan, view);
  return data.lab ? renderArrays(data.lab, view) : '';
}
