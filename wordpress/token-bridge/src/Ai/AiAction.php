<?php
/**
 * Saves the page AI features.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Admin\Menu;
use TokenBridge\Admin\Notices;
use TokenBridge\Admin\PostHandler;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

final class AiAction extends PostHandler {

	private const TEXTS = [ 'ai_unknown_module', 'ai_site_user', 'ai_default_output', 'ai_image_tokens' ];
	private const MAPS  = [ 'ai_modules', 'ai_prices', 'ai_payers' ];

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	public function action(): string {
		return 'ai';
	}

	protected function capability(): string {
		return 'manage_options';
	}

	protected function handle(): string {
		$changes = [
			'meter_ai_client' => '1' === $this->posted( 'meter_ai_client' ),
			'ai_when_away'    => 'allow' === $this->posted( 'ai_when_away' ) ? 'allow' : 'refuse',
		];
		foreach ( self::TEXTS as $name ) {
			$changes[ $name ] = $this->posted( $name );
		}
		foreach ( self::MAPS as $name ) {
			$changes[ $name ] = Lines::read( $this->posted( $name ) );
		}
		$this->settings->change( $changes );
		Notices::add( 'success', __( 'The settings were saved.', 'token-bridge' ) );
		return Menu::url( AiScreen::SLUG );
	}
}
