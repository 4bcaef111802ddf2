import type { DemoHost } from '../commands/lab-demo-host.ts';

export function render(data: DemoHost): string {
  return `${data.writes} writes`;
}
