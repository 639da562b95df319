"""One kit for each service: fictional pilots and cases, what is said at each of their steps, and the way to each state.

The demo, the drawn states, the benches and the tests live from it. It stands under deploy/, for the first three are
part of the product, which imports nothing from tests/. All persons and organisations are fictional.
"""
