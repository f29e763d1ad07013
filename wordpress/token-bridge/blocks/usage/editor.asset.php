<?php
/**
 * What the block's script needs.
 *
 * @package TokenBridge
 */

return [
	'dependencies' => [ 'wp-block-editor', 'wp-blocks', 'wp-components', 'wp-element', 'wp-i18n', 'wp-server-side-render' ],
	'version'      => '0.1.0',
];
