<?php
/**
 * The shortcodes.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Feature;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Adds `[token_usage]`, `[token_balance]`, and `[aipkit_token_usage]` where no other plugin has it.
 */
final class Shortcodes implements Feature {

	/** Later than other plugins, so that theirs count first. */
	private const LATE = 99;

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		add_shortcode( 'token_usage', [ $this, 'usage' ] );
		add_shortcode( 'token_balance', [ $this, 'balance' ] );
		add_action( 'init', [ $this, 'add_alias' ], self::LATE );
	}

	public function add_alias(): void {
		if ( ! shortcode_exists( 'aipkit_token_usage' ) ) {
			add_shortcode( 'aipkit_token_usage', [ $this, 'usage' ] );
		}
	}

	/**
	 * @param array<string, string>|string $attributes The attributes.
	 */
	public function usage( $attributes ): string {
		return $this->services->widget()->usage_html( $attributes );
	}

	public function balance(): string {
		return $this->services->widget()->balance_html();
	}
}
