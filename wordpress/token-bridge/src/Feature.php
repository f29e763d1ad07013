<?php
/**
 * One capability of the plugin.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

defined( 'ABSPATH' ) || exit;

interface Feature {

	/**
	 * Adds the hooks of this feature. Runs in every request, so it makes no query.
	 */
	public function register(): void;
}
