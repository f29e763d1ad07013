<?php
/**
 * The block.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Feature;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Adds the block `token-bridge/usage`, which the server renders.
 */
final class Block implements Feature {

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		add_action( 'init', [ $this, 'add' ] );
	}

	public function add(): void {
		register_block_type( dirname( TOKEN_BRIDGE_FILE ) . '/blocks/usage', [ 'render_callback' => [ $this, 'render' ] ] );
	}

	/**
	 * @param array<string, mixed> $attributes The attributes of the block.
	 */
	public function render( array $attributes ): string {
		return '<div ' . get_block_wrapper_attributes() . '>' . $this->services->widget()->usage_html( $attributes ) . '</div>';
	}
}
