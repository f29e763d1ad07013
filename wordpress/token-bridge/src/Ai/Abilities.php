<?php
/**
 * The plugin's abilities.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Bridge\Request;
use TokenBridge\Feature;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Adds the abilities `token-bridge/quote` and `token-bridge/balance` for the current user (WordPress 6.9 and newer).
 */
final class Abilities implements Feature {

	private const CATEGORY = 'token-bridge';

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		add_action( 'wp_abilities_api_categories_init', [ $this, 'add_category' ] );
		add_action( 'wp_abilities_api_init', [ $this, 'add' ] );
	}

	public function add_category(): void {
		wp_register_ability_category(
			self::CATEGORY,
			[
				'label'       => 'Token Bridge',
				'description' => __( 'Tokens of the current user.', 'token-bridge' ),
			]
		);
	}

	public function add(): void {
		$item = [
			'type'       => 'object',
			'properties' => [
				'operation' => [ 'type' => 'string' ],
				'quantity'  => [ 'type' => 'integer' ],
				'module'    => [ 'type' => 'string' ],
				'tokens'    => [ 'type' => 'integer' ],
			],
		];
		$this->ability( 'balance', __( 'Get the token balance', 'token-bridge' ), __( 'Returns the tokens of the current user.', 'token-bridge' ), [] );
		$this->ability( 'quote', __( 'Get the cost in tokens', 'token-bridge' ), __( 'Returns what an operation costs, and whether the current user can pay. Charges nothing.', 'token-bridge' ), [ 'input_schema' => $item ] );
	}

	/**
	 * @return array<string, mixed>|\WP_Error
	 */
	public function balance() {
		$answer = $this->services->transport()->send( Request::get( '/v1/users/' . get_current_user_id() ) );
		return (array) ( $answer->document()['balance'] ?? [ 'available' => 0 ] );
	}

	/**
	 * @param array<string, mixed> $item What to price.
	 * @return array<string, mixed>|\WP_Error
	 */
	public function quote( $item ) {
		$quote = token_bridge_quote( (array) $item );
		return $quote->is_ok() ? $quote->document() : $quote->to_error();
	}

	/**
	 * @param array<string, mixed> $more Further arguments.
	 */
	private function ability( string $name, string $label, string $description, array $more ): void {
		wp_register_ability(
			'token-bridge/' . $name,
			$more + [
				'label'               => $label,
				'description'         => $description,
				'category'            => self::CATEGORY,
				'output_schema'       => [ 'type' => 'object' ],
				'execute_callback'    => [ $this, $name ],
				'permission_callback' => 'is_user_logged_in',
				'meta'                => [ 'show_in_rest' => true ],
			]
		);
	}
}
