<?php
/**
 * The page AI features.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Admin\ConnectScreen;
use TokenBridge\Admin\Notices;
use TokenBridge\Admin\PostHandler;
use TokenBridge\Admin\Screen;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Meters the AI features of WordPress: the switch, modules of callers, prices, and what is not metered.
 */
final class AiScreen implements Screen {

	public const SLUG = 'token-bridge-ai';

	/** @var Settings */
	private $settings;

	/** @var LimitsTable */
	private $limits;

	public function __construct( Settings $settings, LimitsTable $limits ) {
		$this->settings = $settings;
		$this->limits   = $limits;
	}

	public function slug(): string {
		return self::SLUG;
	}

	public function title(): string {
		return __( 'AI features', 'token-bridge' );
	}

	public function capability(): string {
		return 'manage_options';
	}

	public function render(): void {
		echo '<div class="wrap token-bridge-admin"><h1>' . esc_html__( 'Token Bridge: AI features', 'token-bridge' ) . '</h1>';
		Notices::show();
		echo '<p class="token-bridge-lead">' . esc_html__( 'Charges every AI feature that uses the AI client of WordPress, without a change of its code: tokens are held before a prompt and its real use is charged after it. A prompt that fails costs nothing.', 'token-bridge' ) . '</p>';
		ConnectScreen::checklist( ( new Health() )->run() );
		echo '<form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( 'ai' );
		echo '<table class="form-table" role="presentation"><tbody>';
		$this->switches();
		$this->maps();
		echo '</tbody></table><p><button class="button button-primary">' . esc_html__( 'Save', 'token-bridge' ) . '</button></p></form>';
		$this->limits->render();
		echo '</div>';
	}

	private function switches(): void {
		$this->open_row( 'meter_ai_client', __( 'Meter AI features', 'token-bridge' ) );
		echo '<input type="checkbox" id="token-bridge-meter_ai_client" name="meter_ai_client" value="1" ' . checked( $this->settings->is_on( 'meter_ai_client' ), true, false ) . '>';
		$this->close_row( __( 'A provider may bill an answer that came too late or could not be read; such a prompt costs the user nothing, so the shop pays for it.', 'token-bridge' ) );
		$this->open_row( 'ai_when_away', __( 'While Token Bridge does not answer', 'token-bridge' ) );
		echo '<select id="token-bridge-ai_when_away" name="ai_when_away"><option value="refuse">' . esc_html__( 'Refuse prompts', 'token-bridge' ) . '</option>';
		echo '<option value="allow" ' . selected( $this->settings->text( 'ai_when_away' ), 'allow', false ) . '>' . esc_html__( 'Let prompts run without charge', 'token-bridge' ) . '</option></select>';
		$this->close_row( '' );
		$this->text( 'ai_unknown_module', __( 'Module of other callers', 'token-bridge' ), __( 'Key of the module that is charged for plugins without a line below.', 'token-bridge' ) );
		$this->text( 'ai_site_user', __( 'Account of the site', 'token-bridge' ), __( 'ID of the user who pays for background tasks and for modules that the site pays; 0 to refuse them.', 'token-bridge' ) );
		$this->text( 'ai_default_output', __( 'Usual length of an answer', 'token-bridge' ), __( 'Output tokens to hold where a feature sets no largest answer. What is not used is released.', 'token-bridge' ) );
		$this->text( 'ai_image_tokens', __( 'Tokens for an image', 'token-bridge' ), __( 'For images, sounds and videos without a line below.', 'token-bridge' ) );
	}

	private function maps(): void {
		/* translators: %s: list of plugins */
		$seen = sprintf( __( 'One line each: plugin or ability = module. Seen so far: %s', 'token-bridge' ), implode( ', ', array_keys( ( new Callers() )->all(), Callers::METERED, true ) ) );
		$this->lines( 'ai_modules', __( 'Modules of callers', 'token-bridge' ), $seen );
		$this->lines( 'ai_prices', __( 'Prices', 'token-bridge' ), __( 'One line each. Text: model or text_generation = tokens per 1,000 input / per 1,000 output, such as "text_generation = 1000 / 4000". Others: model or image_generation = tokens for each.', 'token-bridge' ) );
		$this->lines( 'ai_payers', __( 'Who pays', 'token-bridge' ), __( 'One line each: module = site (the account of the site) or free. Without a line, the person who uses the feature pays.', 'token-bridge' ) );
	}

	private function text( string $name, string $label, string $help ): void {
		$this->open_row( $name, $label );
		echo '<input type="text" class="regular-text" id="token-bridge-' . esc_attr( $name ) . '" name="' . esc_attr( $name ) . '" value="' . esc_attr( $this->settings->text( $name ) ) . '">';
		$this->close_row( $help );
	}

	private function lines( string $name, string $label, string $help ): void {
		$this->open_row( $name, $label );
		echo '<textarea class="large-text code" rows="4" id="token-bridge-' . esc_attr( $name ) . '" name="' . esc_attr( $name ) . '">' . esc_textarea( Lines::write( $this->settings->map( $name ) ) ) . '</textarea>';
		$this->close_row( $help );
	}

	private function open_row( string $name, string $label ): void {
		echo '<tr><th scope="row"><label for="token-bridge-' . esc_attr( $name ) . '">' . esc_html( $label ) . '</label></th><td>';
	}

	private function close_row( string $help ): void {
		echo '<p class="description">' . esc_html( $help ) . '</p></td></tr>';
	}
}
