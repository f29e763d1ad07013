<?php
/**
 * A way to make fragments.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

defined( 'ABSPATH' ) || exit;

interface Maker {

	/**
	 * Returns a new fragment; null if the bridge is away or does not answer as expected.
	 *
	 * @param array<string, string> $parameters Parameters of the widget.
	 * @param Fragment|null         $last       The last fragment with these parameters.
	 */
	public function make( array $parameters, ?Fragment $last ): ?Fragment;
}
