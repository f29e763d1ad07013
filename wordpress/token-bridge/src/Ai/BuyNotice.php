<?php
/**
 * The way to buy tokens in the editor.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Feature;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Adds a notice with "Buy tokens" to the block editor when an AI feature there was refused for lack of tokens.
 */
final class BuyNotice implements Feature {

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	public function register(): void {
		add_action( 'enqueue_block_editor_assets', [ $this, 'add_script' ] );
	}

	public function add_script(): void {
		if ( ! $this->settings->is_on( 'meter_ai_client' ) ) {
			return;
		}
		wp_enqueue_script( 'token-bridge-buy', plugins_url( 'assets/buy-notice.js', TOKEN_BRIDGE_FILE ), [ 'wp-api-fetch', 'wp-data', 'wp-notices' ], TOKEN_BRIDGE_VERSION, true );
		wp_add_inline_script( 'token-bridge-buy', 'var tokenBridgeBuyLabel = ' . wp_json_encode( __( 'Buy tokens', 'token-bridge' ) ) . ';', 'before' );
	}
}
