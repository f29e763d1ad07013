<?php
/**
 * A quote.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

defined( 'ABSPATH' ) || exit;

final class Quote extends Outcome {

	/**
	 * Returns whether the user can pay for all items.
	 */
	public function is_affordable(): bool {
		return $this->is_ok() && ! empty( $this->document()['affordable'] );
	}

	/**
	 * Returns the items with their tokens.
	 *
	 * @return array<int, array<string, mixed>>
	 */
	public function items(): array {
		return (array) ( $this->document()['items'] ?? [] );
	}
}
