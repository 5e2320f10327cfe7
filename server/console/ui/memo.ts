import { Component, type FunctionComponent, h } from "preact";

/** Draws a component anew only when one of its properties has changed. */
export function memo<Props extends object>(draw: FunctionComponent<Props>): FunctionComponent<Props> {
  class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const before: object = this.props;
      return (
        Object.keys(before).length !== Object.keys(next).length ||
        Object.entries(next).some(([name, value]) => Reflect.get(before, name) !== value)
      );
    }

    override render() {
      return h(draw, this.props);
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a component of a class is used as one of a function is
  return Memo as unknown as FunctionComponent<Props>;
}
